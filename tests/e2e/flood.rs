//! No label value is ever a caller's own string, nor a target's: however much they make up, the
//! metrics have no more series than after one of each.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use toolgate_tests::client::{Answer, Ask, Client, Kept, message};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::wait::until;

const SCOPE: &str = "gateway/invoke";
/// How many of each kind.
const MANY: usize = 2_000;
/// Connections that share the work.
const HANDS: usize = 4;
/// What every random string begins with, and nothing else holds.
const MARK: &str = "zqx";
/// How many histogram series may carry a tool's name.
const BUDGET: f64 = 2_000.0;

/// A gateway that takes tokens, before a target that does as it is told.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    sick: Sick,
    random: RandomState,
}

/// What is made up.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A tool of a target that there is not, or that it does not have.
    Tool,
    /// A method.
    Method,
    /// A protocol revision, of a modern request and of a handshake.
    Version,
    /// An issuer, a key or a client in a token.
    Token,
    /// Code, text, reason and blame of a target's error, or a page that it answers with.
    Failure,
}

const KINDS: [Kind; 5] = [Kind::Tool, Kind::Method, Kind::Version, Kind::Token, Kind::Failure];

impl House {
    async fn start() -> Result<Self> {
        let issuer = Issuer::start().await?;
        let sick = Sick::start(Era::Modern).await?;
        let (iss, url) = (issuer.url(), sick.url());
        let config = format!(
            "auth:\n  issuers: [{{ name: main, profile: cognito, issuer: \"{iss}\", clients: [\"{CLIENT_ID}\"] }}]\n  \
             scopes: [{SCOPE}]\n\
             targets:\n  sick:\n    mcp: {{ url: \"{url}\" }}\n    retry: {{ attempts: 1 }}\n    \
             breaker: {{ failures: 1000 }}\n"
        );
        let gateway = Gateway::start(&config).await?;
        Ok(Self { gateway, issuer, sick, random: RandomState::new() })
    }

    fn caller(&self) -> Client {
        self.gateway.client().with_token(self.issuer.token(&[SCOPE]))
    }

    /// A text that nobody has said before.
    fn made_up(&self, n: usize, kind: Kind) -> String {
        format!("{MARK}{:016x}{n}", self.random.hash_one((n, kind as usize)))
    }

    /// One request of a kind; a good caller sends it, unless it is about tokens.
    async fn once(&self, caller: &mut Kept, kind: Kind, n: usize) -> Result<Answer> {
        let word = self.made_up(n, kind);
        match kind {
            Kind::Tool if n.is_multiple_of(2) => {
                caller.send(Ask::tool(&format!("sick___{word}"), json!({}))).await
            }
            Kind::Tool => caller.send(Ask::tool(&word, json!({}))).await,
            Kind::Method => caller.send(Ask::modern(&word, json!({}))).await,
            Kind::Version if n.is_multiple_of(2) => {
                let ask = Ask::modern("tools/list", json!({}));
                caller.send(ask.instead("mcp-protocol-version", &word)).await
            }
            Kind::Version => {
                let params = json!({
                    "protocolVersion": word, "capabilities": {},
                    "clientInfo": { "name": word, "version": word },
                });
                caller.send(Ask::post(message("1", "initialize", &params.to_string()))).await
            }
            Kind::Token => {
                let ask = Ask::tool("sick___read", json!({}));
                let bearer = format!("Bearer {}", self.token(n, &word));
                caller.send(ask.header("authorization", &bearer)).await
            }
            Kind::Failure => {
                self.sick.then([failure(n, &word)]);
                caller.send(Ask::tool("sick___write", json!({}))).await
            }
        }
    }

    /// A token in which one thing is made up.
    fn token(&self, n: usize, word: &str) -> String {
        let mut claims = self.issuer.claims(&[SCOPE]);
        let mut header = json!({ "alg": "RS256", "kid": self.issuer.kids().pop() });
        match n % 4 {
            0 => claims["iss"] = format!("https://{word}.example").into(),
            1 => claims["client_id"] = word.into(),
            2 => claims["token_use"] = word.into(),
            _ => header["kid"] = word.into(),
        }
        self.issuer.mint_with_header(header, claims)
    }

    /// So many of every kind, over a few connections.
    async fn flood(&self, numbers: Range<usize>) -> Result<()> {
        let (good, nobody) = (self.caller(), self.gateway.client());
        let hands = (0..HANDS).map(|hand| {
            let mine = numbers.clone().skip(hand).step_by(HANDS);
            self.hand(good.kept(), nobody.kept(), mine)
        });
        try_join_all(hands).await.map(drop)
    }

    /// What one pair of connections does.
    async fn hand(
        &self,
        mut good: Kept,
        mut nobody: Kept,
        numbers: impl Iterator<Item = usize>,
    ) -> Result<()> {
        for (n, kind) in numbers.flat_map(|n| KINDS.map(|kind| (n, kind))) {
            let caller = if matches!(kind, Kind::Token) { &mut nobody } else { &mut good };
            let answer = self.once(caller, kind, n).await;
            answered(kind, &answer.with_context(|| format!("{kind:?} {n}"))?)?;
        }
        Ok(())
    }

    async fn series(&self) -> Result<BTreeSet<String>> {
        Ok(series(&self.gateway.admin("/metrics").await?.text()))
    }
}

/// What the target answers: two kinds of error, a tool's no, and a page of its own.
fn failure(n: usize, word: &str) -> Act {
    match n % 4 {
        0 => {
            let data = json!({ "reason": word, "blame": word, word: word });
            let code = i64::try_from(n).unwrap_or_default() - 40_000;
            Act::Error(json!({ "code": code, "message": word, "data": data }).to_string())
        }
        1 => Act::Result(
            json!({ "content": [{ "type": "text", "text": word }], "isError": true,
                    "resultType": "complete", "_meta": { word: word } })
            .to_string(),
        ),
        2 => Act::page("500 Internal Server Error", "text/plain", word),
        _ => Act::page("403 Forbidden", &format!("text/{word}"), word),
    }
}

/// That each is what it was meant to be.
fn answered(kind: Kind, answer: &Answer) -> Result<()> {
    let good = match kind {
        Kind::Tool | Kind::Method => [200, 400, 404].contains(&answer.status),
        Kind::Version => [200, 400].contains(&answer.status),
        Kind::Token => answer.status == 401,
        Kind::Failure => answer.status == 200,
    };
    ensure!(good, "{kind:?}: {} {}", answer.status, answer.text());
    Ok(())
}

/// Names with labels.
fn series(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[tokio::test]
async fn no_label_value_is_ever_a_callers_own_string() -> Result<()> {
    let house = House::start().await?;
    let warm = house.caller();
    warm.tools().await?;
    warm.tool("sick___read", json!({})).await?.result()?;
    // One of each, in each of its shapes.
    house.flood(0..4).await?;
    let before = house.series().await?;
    house.flood(4..MANY).await?;
    let after = house.series().await?;
    let new: Vec<_> = after.difference(&before).take(10).collect();
    assert!(new.is_empty(), "{} before, {} after: {new:#?}", before.len(), after.len());
    assert_eq!(before.len(), after.len());
    for path in ["/metrics", "/readyz"] {
        let text = house.gateway.admin(path).await?.text().to_lowercase();
        assert!(!text.contains(MARK), "{path}: {text}");
    }
    // They were all counted, under names that were known before.
    let metrics = house.gateway.metrics().await?;
    let counted = metrics.sum("toolgate_requests_total", &[]);
    let sent = u32::try_from(MANY * KINDS.len())?;
    assert!(counted >= f64::from(sent), "{counted} of {sent}");
    Ok(())
}

#[tokio::test]
async fn a_target_with_thousands_of_tools_stays_within_the_budget_of_series() -> Result<()> {
    const TOOLS: usize = 3_000;
    let sick = Sick::start(Era::Modern).await?;
    sick.lists(TOOLS);
    let url = sick.url();
    let config =
        format!("auth: {{ anonymous: true }}\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n");
    let gateway = Gateway::start(&config).await?;
    let listed = f64::from(u32::try_from(TOOLS)?) + 2.0;
    until("the list is there", async || {
        let metrics = gateway.metrics().await?;
        Ok((metrics.sum("toolgate_target_tools", &[]) == listed).then_some(()))
    })
    .await?;
    let hands = (0..HANDS).map(|hand| {
        let mut caller = gateway.client().kept();
        async move {
            for n in (hand..TOOLS).step_by(HANDS) {
                caller.send(Ask::tool(&format!("sick___more_{n}"), json!({}))).await?.result()?;
            }
            anyhow::Ok(())
        }
    });
    try_join_all(hands).await?;
    let metrics = gateway.metrics().await?;
    let durations = metrics.select("mcp_server_operation_duration_seconds_count", &[]).count();
    let active = metrics.sum("toolgate_series_active", &[]);
    assert!(durations <= 2_010, "{durations} series of durations");
    // What configuration and closed lists bound is never refused, and is little.
    assert!(active > BUDGET / 2.0 && active <= BUDGET + 50.0, "{active} series of histograms");
    assert!(metrics.sum("toolgate_series_overflow_total", &[]) > 0.0);
    // Nothing is lost for that: every call of every tool has its count, and its duration somewhere.
    let calls = metrics.by("toolgate_tool_calls_total", "gen_ai_tool_name");
    let once = (0..TOOLS).filter(|n| calls.get(&format!("more_{n}")) == Some(&1.0)).count();
    assert_eq!(once, TOOLS);
    let labels = [("mcp_method_name", "tools/call"), ("target", "sick")];
    let timed = metrics.sum("mcp_server_operation_duration_seconds_count", &labels);
    assert_eq!(timed, listed - 2.0);
    Ok(())
}
