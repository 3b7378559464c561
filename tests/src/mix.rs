//! Calls of every kind, good and bad, through a gateway before targets of every kind.
//!
//! In: nothing. Out: a gateway whose numbers tell of everything that can happen to a call: what
//! dashboards and alarms are looked at with.

mod agent;

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::time::timeout;

use self::agent::AgentMix;
use crate::client::Client;
use crate::collector::Collector;
use crate::emulator::CREDENTIALS;
use crate::fake_desk::{CLIENT as DESK_CLIENT, FakeDesk};
use crate::gateway::{Gateway, free_address};
use crate::issuer::{CLIENT_ID, Issuer};
use crate::lambda::{Function, Lambda, REGION};
use crate::pki::{Authority, Hands, Says};
use crate::process::Scratch;
use crate::redis::Redis;
use crate::sick::{Act, Era, Sick};
use crate::upstream::stdio_command;

const SCOPE: &str = "gateway/invoke";
/// The gateway's secret where tokens are exchanged.
const DESK: &str = "secret-of-the-mix-at-its-desk";
/// A program that is as sick as it is told.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sick_stdio.py");
/// Calls at once at a target that takes two.
const CROWD: usize = 4;
/// Nothing is approved.
const PINS: &str = r#"{ "toolgate_pins": 1, "targets": {} }"#;
/// What the function has.
const TOOLS: &str = r#"[{ "name": "echo", "inputSchema": { "type": "object" } }]"#;

/// A gateway with TLS and limits in a Redis before seven targets: `sick` does as it is told; `frail`, too, but
/// has little patience, little room and a quick breaker; `child` is a program that is well, and `mortal` one
/// that dies; `stranger` is `sick` once more, of which nothing was approved, and `lent` once more, called by
/// what callers' tokens were exchanged for; `function` is one of Lambda's, which says how long it took to start.
#[derive(Debug)]
pub struct Mix {
    /// The gateway.
    pub gateway: Gateway,
    /// Where its spans go.
    pub collector: Collector,
    issuer: Issuer,
    sick: Sick,
    frail: Sick,
    agent: AgentMix,
    /// What an issuer is called whose keys cannot be had.
    gone: String,
    /// What has to be there for as long as the gateway is.
    _kept: Kept,
}

type Kept = (FakeDesk, Redis, Lambda, Scratch);

impl Mix {
    /// Starts everything.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn start() -> Result<Self> {
        let (issuer, collector) = (Issuer::start().await?, Collector::start().await?);
        let (sick, frail) = (Sick::start(Era::Modern).await?, Sick::start(Era::Legacy).await?);
        let kept = kept().await?;
        let (desk, redis, lambda, scratch) = &kept;
        let (function, redis) = (function(lambda, scratch)?, redis.address());
        let record = scratch.path().join("record");
        let (pool, gone) = (issuer.url(), format!("http://{}", free_address()?));
        let (sick_url, frail_url, otlp) = (sick.url(), frail.url(), collector.url());
        let (well, pins) = (stdio_command("both")?, scratch.write("pins.json", PINS)?);
        let authority = Authority::new("mix")?;
        let own = authority.signs(Says::name("gateway"), "gateway", scratch)?;
        let (certificate, key, lender) = (&own.certificate, &own.key, desk.token_url());
        let config = format!(
            "tls: {{ certificate: {certificate:?}, key: {key:?} }}
auth:
  scopes: [{SCOPE}]
  issuers:
    - {{ name: pool, profile: cognito, issuer: \"{pool}\", clients: [{CLIENT_ID}] }}
    - {{ name: gone, profile: cognito, issuer: \"{gone}\", clients: [{CLIENT_ID}], jwks_url: \"{gone}/jwks.json\" }}
targets:
  sick:
    mcp: {{ url: \"{sick_url}\" }}
    timeout: 5s
    retry: {{ attempts: 3, base: 10ms, max: 20ms }}
    breaker: {{ failures: 1000 }}
  frail:
    mcp: {{ url: \"{frail_url}\" }}
    timeout: 300ms
    concurrency: 2
    list_ttl: 1s
    retry: {{ attempts: 2, base: 10ms, max: 20ms, budget: 0.01 }}
    breaker: {{ failures: 3, open: 500ms }}
  child: {{ stdio: {{ command: {well} }} }}
  mortal:
    stdio: {{ command: [python3, {SCRIPT:?}, legacy, {record:?}] }}
    timeout: 800ms
    breaker: {{ failures: 1000 }}
  stranger: {{ mcp: {{ url: \"{sick_url}\" }}, pins: {{ actions: {{ added: quarantine }} }} }}
  lent:
    mcp: {{ url: \"{sick_url}\" }}
    credentials: {{ token_exchange: {{ token_url: \"{lender}\", client_id: {DESK_CLIENT},
                                     client_secret: \"env:DESK_SECRET\" }} }}
  function: {{ lambda: {function} }}
limits:
  rates: [{{ per: principal, calls: 100000, every: 1s }}]
  shared: {{ redis: {{ url: \"redis://{redis}\" }}, timeout: 1s }}
pins: {{ file: {pins:?}, actions: {{ added: allow }} }}
tools:
  sick___read: {{ read_only: true }}
  frail___read: {{ read_only: true }}
  child___ask: {{ scopes: [child/ask] }}
traces: {{ sample: 0.5, otlp: {{ endpoint: \"{otlp}\" }} }}
"
        );
        let env = [&CREDENTIALS[..], &[("DESK_SECRET", DESK)]].concat();
        let gateway = Gateway::start_with(&config, &env).await?.over(Hands::new(&authority, None)?);
        let agent = Box::pin(AgentMix::start()).await?;
        Ok(Self { gateway, collector, issuer, sick, frail, agent, gone, _kept: kept })
    }

    /// A caller who may do what everybody may.
    #[must_use]
    pub fn caller(&self) -> Client {
        self.gateway.client().with_token(self.issuer.token(&[SCOPE]))
    }

    /// A few good calls.
    ///
    /// # Errors
    /// When one is not answered.
    pub async fn good(&self) -> Result<()> {
        let caller = self.caller();
        caller.tool("sick___read", json!({})).await?;
        caller.tool("child___echo", json!({ "text": "a" })).await?;
        caller.tool("mortal___read", json!({})).await?;
        caller.tool("frail___read", json!({})).await?;
        Ok(())
    }

    /// Good calls and bad ones of every kind.
    ///
    /// # Errors
    /// When one is not answered, or a target was not called as it should have been.
    pub async fn every_kind(&self) -> Result<()> {
        let caller = self.caller();
        caller.tools().await?;
        self.good().await?;
        caller.tool("child___fail", json!({})).await?;
        caller.tool("no___such", json!({})).await?;
        caller.tool("function___echo", json!({})).await?;
        caller.tool("child___ask", json!({})).await?;
        caller.tool("stranger___read", json!({})).await?;
        self.sick.then([Act::status("401 Unauthorized", "WWW-Authenticate: Bearer")]);
        let lent = caller.tool("lent___read", json!({})).await?;
        ensure!(lent.result().is_ok(), "{}", lent.text());
        self.strangers().await?;
        self.sick.then([Act::Reset]);
        caller.tool("sick___read", json!({})).await?;
        let session = caller.session().await?;
        session.tool("child___echo", json!({ "text": "a" })).await?;
        drop(session.stream().await?);
        session.end().await?;
        self.overwhelm(&caller).await?;
        self.agent.every_kind().await?;
        self.give_up(&caller).await
    }

    /// What Prometheus has to scrape beside the gateway.
    #[must_use]
    pub fn beside(&self) -> String {
        let at = self.agent.agent.admin();
        format!("  - job_name: toolgate-agent\n    static_configs:\n      - targets: [\"{at}\"]\n")
    }

    /// A program dies in a call.
    ///
    /// # Errors
    /// When the call is not answered.
    pub async fn kill(&self) -> Result<()> {
        self.caller().tool("mortal___die", json!({})).await.map(drop)
    }

    /// Refuses the next batch of spans for good.
    pub fn lose_spans(&self) {
        self.collector.refuse([400]);
    }

    /// Tokens that are none, that name an unknown key, or an issuer whose keys cannot be had.
    async fn strangers(&self) -> Result<()> {
        let header = |kid: &str| json!({ "alg": "RS256", "kid": kid });
        let mut gone = self.issuer.claims(&[SCOPE]);
        if let Some(claims) = gone.as_object_mut() {
            claims.insert("iss".to_owned(), self.gone.clone().into());
        }
        let tokens = [
            "no.token.this".to_owned(),
            self.issuer.mint_with_header(header("unknown"), self.issuer.claims(&[SCOPE])),
            self.issuer.mint_with_header(header("any"), gone),
        ];
        for token in tokens {
            let stranger = self.gateway.client().with_token(token);
            stranger.tool("child___echo", json!({ "text": "a" })).await?;
        }
        Ok(())
    }

    /// More than the frail target takes: calls at once, an answer that does not come, a session that
    /// is lost, 429, and failures until its breaker opens. Another tool is on its list from now on.
    async fn overwhelm(&self, caller: &Client) -> Result<()> {
        self.frail.lists(self.frail.calls("write") % 3);
        self.frail.then([Act::LoseSession]);
        caller.tool("frail___read", json!({})).await?;
        let many = |status| Act::page(status, "text/plain", "");
        let crowd = (0..CROWD).map(|_| caller.tool("frail___write", json!({})));
        self.frail.then([Act::Hang, Act::Hang]);
        try_join_all(crowd).await?;
        let failures = [many("429 Too Many Requests"), many("503 Service Unavailable")];
        self.frail.then(failures.into_iter().cycle().take(CROWD));
        for _ in 0..CROWD {
            caller.tool("frail___read", json!({})).await?;
        }
        self.frail.recover();
        Ok(())
    }

    /// A caller who does not wait for the answer.
    async fn give_up(&self, caller: &Client) -> Result<()> {
        let before = self.sick.calls("write");
        self.sick.then([Act::Hang]);
        let call = caller.tool("sick___write", json!({}));
        let called = self.sick.until_called("write", before + 1);
        let (left, called) = tokio::join!(timeout(Duration::from_millis(300), call), called);
        ensure!(left.is_err(), "a target that hangs has answered");
        called
    }
}

/// What targets and limits stand on.
async fn kept() -> Result<Kept> {
    let (desk, redis) = (FakeDesk::start(DESK).await?, Redis::start().await?);
    Ok((desk, redis, Lambda::start().await?, Scratch::new()?))
}

/// A function, and how a target says where it is.
fn function(lambda: &Lambda, scratch: &Scratch) -> Result<String> {
    lambda.deploy("echo", Function::canned("{}", None));
    let (url, tools) = (lambda.url(), scratch.write("tools.json", TOOLS)?);
    Ok(format!("{{ function: echo, tools: {tools:?}, region: {REGION}, endpoint: {url:?} }}"))
}
