//! Users who connect their own accounts at a target, in a browser, and what nobody else gets of it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::canary;
use toolgate_tests::client::{Answer, Ask, Client};
use toolgate_tests::fake_desk::{CLIENT, CODE, FakeDesk, Mood, REFRESH, TOKEN};
use toolgate_tests::gate::Gate;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::Scratch;
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::wait::until;

const SECRET: &str = "canary4711-secret-of-the-client-of-the-desk";
const KEY: &str = "canary4711-key-of-the-file-of-grants-0123456789";
const READ: &str = "notes___read";
const WRITE: &str = "notes___write";
const ABLE: &str = r#"{"elicitation":{"url":{}}}"#;

/// A gateway before a target that wants its users' own tokens.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    desk: FakeDesk,
    gate: Gate,
    config: String,
    scratch: Scratch,
    _sick: Sick,
}

/// A browser, which knows one cookie.
struct Browser<'a> {
    house: &'a House,
    cookie: Option<String>,
}

impl House {
    async fn start(more: &str) -> Result<Self> {
        for secret in [SECRET, KEY, TOKEN, REFRESH, CODE] {
            canary::plant(secret);
        }
        let (sick, desk) = (Sick::start(Era::Modern).await?, FakeDesk::start(SECRET).await?);
        let (issuer, scratch) = (Issuer::start().await?, Scratch::new()?);
        let takes = desk.takes();
        let listed = |body: &[u8]| !body.windows(10).any(|part| part == b"tools/call");
        let gate = Gate::start(sick.address(), move |head, body| listed(body) || takes(head, body))
            .await?;
        let config = format!(
            "auth: {{ issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}] }}\n\
             {more}\ntargets:\n  notes:\n    mcp: {{ url: \"{}\" }}\n    credentials:\n      user_grant: {{ \
             authorize_url: \"{}\", token_url: \"{}\", client_id: {CLIENT}, client_secret: \"env:SECRET\", \
             scopes: [notes/read] }}\n",
            issuer.url(),
            gate.url(),
            desk.authorize_url(),
            desk.token_url(),
        )
        .replace("FOLDER", &scratch.path().display().to_string());
        let gateway = Gateway::start_at("trace", &config, &ENV).await?;
        let house = Self { gateway, issuer, desk, gate, config, scratch, _sick: sick };
        house.caller("alice").until_listed(&[READ, WRITE]).await?;
        Ok(house)
    }

    fn caller(&self, subject: &str) -> Client {
        let mut claims = self.issuer.claims(&[]);
        claims["sub"] = subject.into();
        self.gateway.client().with_token(self.issuer.mint(claims))
    }

    fn browser(&self) -> Browser<'_> {
        Browser { house: self, cookie: None }
    }

    /// Calls as a client that cannot open pages, and gives back the page that it is told of.
    async fn told(&self, subject: &str) -> Result<String> {
        page_in(&self.caller(subject).tool(READ, json!({})).await?.content()?)
    }

    async fn connect(&self, subject: &str) -> Result<()> {
        let page = self.told(subject).await?;
        let done = self.browser().agrees(&page).await?;
        ensure!(done.status == 200 && done.text().contains("Connected"), "{}", done.text());
        Ok(())
    }

    async fn works(&self, subject: &str) -> Result<()> {
        let answer = self.caller(subject).tool(READ, json!({})).await?;
        ensure!(answer.result()?["isError"] != true, "{}", answer.text());
        Ok(())
    }

    async fn events(&self, event: &str) -> Result<f64> {
        let metrics = self.gateway.metrics().await?;
        Ok(metrics.sum("toolgate_grant_events_total", &[("event", event)]))
    }

    /// What the last call showed to the target.
    fn shown(&self) -> String {
        self.gate.shown().last().map(|(shown, _)| shown.clone()).unwrap_or_default()
    }
}

const ENV: [(&str, &str); 2] = [("SECRET", SECRET), ("GRANTS_KEY", KEY)];

impl Browser<'_> {
    fn at(&self, url: &str) -> Result<(Client, String)> {
        let rest = url.strip_prefix("http://").with_context(|| url.to_owned())?;
        let (host, path) = rest.split_at(rest.find('/').context("a path")?);
        Ok((Client::new(host.parse()?), path.to_owned()))
    }

    fn as_known(&self, ask: Ask) -> Ask {
        match &self.cookie {
            Some(cookie) => ask.header("cookie", cookie),
            None => ask,
        }
    }

    async fn open(&mut self, url: &str) -> Result<Answer> {
        let (client, path) = self.at(url)?;
        let answer = client.send(self.as_known(Ask::get(&path))).await?;
        if let Some(cookie) = answer.header("set-cookie") {
            ensure!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        Ok(answer)
    }

    /// Presses the button of that page.
    async fn press(&self, page: &Answer, origin: &str) -> Result<Answer> {
        let text = page.text();
        let field = |name: &str| {
            let after = text.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
            after.split('"').next().map(str::to_owned)
        };
        let (link, proof) = (field("link").context("a link")?, field("proof").context("a proof")?);
        let ask = Ask::post(format!("link={link}&proof={proof}")).to("/grants/start");
        let ask = ask.instead("content-type", "application/x-www-form-urlencoded");
        let ask = ask.header("origin", origin).header("sec-fetch-site", "same-origin");
        Client::new(self.house.gateway.listen()).send(self.as_known(ask)).await
    }

    fn origin(&self) -> String {
        format!("http://{}", self.house.gateway.listen())
    }

    /// All the way from a link to the authorization server: where that sends the browser back to.
    async fn agreed(&mut self, page: &str) -> Result<String> {
        let offer = self.open(page).await?;
        ensure!(offer.status == 200, "{}", offer.text());
        let away = self.press(&offer, &self.origin()).await?;
        let to = leads(&away)?;
        let state = to.split("state=").nth(1).and_then(|rest| rest.split('&').next());
        canary::plant(state.context("a state")?);
        let back = self.open(&to).await?;
        back.header("location").with_context(|| format!("{} {}", back.status, back.text()))
    }

    async fn agrees(&mut self, page: &str) -> Result<Answer> {
        let back = self.agreed(page).await?;
        self.open(&back).await
    }
}

/// Where a page leads.
fn leads(page: &Answer) -> Result<String> {
    let text = page.text();
    ensure!(page.status == 200, "{} {text}", page.status);
    let to = text.split("href=\"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(to.with_context(|| format!("it leads nowhere: {text}"))?.replace("&amp;", "&"))
}

fn page_in(text: &str) -> Result<String> {
    let page = text.split_whitespace().find(|word| word.starts_with("http://"));
    page.map(str::to_owned).with_context(|| format!("no page in {text}"))
}

/// A modern call by a client that can open pages.
fn able(params: Value) -> Ask {
    let mut params = params;
    params["name"] = READ.into();
    params["arguments"] = json!({});
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": serde_json::from_str::<Value>(ABLE).unwrap_or_default(),
    });
    Ask::modern_raw("1", "tools/call", &params.to_string()).header("mcp-name", READ)
}

#[tokio::test]
async fn a_modern_client_is_asked_by_a_result_and_each_user_is_shown_as_themselves() -> Result<()> {
    let house = House::start("").await?;
    let alice = house.caller("alice");
    let answer = alice.send(able(json!({}))).await?;
    let result = answer.result()?;
    assert_eq!(result["resultType"], "input_required", "{result}");
    let ask = &result["inputRequests"]["toolgate-connect"];
    assert_eq!(
        (&ask["method"], &ask["params"]["mode"]),
        (&json!("elicitation/create"), &json!("url"))
    );
    let page = ask["params"]["url"].as_str().context("a page")?.to_owned();
    canary::plant(page.rsplit('=').next().unwrap_or_default());
    let line = house.gateway.line_of(&answer).await?;
    assert_eq!(
        (&line["reason"], &line["blame"]),
        (&json!("forbidden"), &json!("caller")),
        "{line}"
    );
    // Nothing of a call goes to a target that it has nothing to show to.
    assert!(house.gate.shown().iter().all(|(shown, good)| *good && shown.is_empty()));

    let again = alice.send(able(json!({}))).await?.result()?;
    assert_eq!(
        again["inputRequests"]["toolgate-connect"]["params"]["url"],
        page.as_str(),
        "one link"
    );
    let done = house.browser().agrees(&page).await?;
    assert!(done.text().contains("<b>alice</b>") && done.text().contains("<b>notes</b>"));
    let accept = json!({ "inputResponses": { "toolgate-connect": { "action": "accept" } } });
    let result = alice.send(able(accept)).await?.result()?;
    ensure!(result["resultType"] == "complete" && result["isError"] != true, "{result}");
    let token = house.shown();
    assert_eq!(house.desk.whose(token.trim_start_matches("Bearer ")).as_deref(), Some("alice"));

    house.desk.user(Some("bob"));
    house.connect("bob").await?;
    house.works("bob").await?;
    assert_ne!(house.shown(), token);
    house.works("alice").await?;
    assert_eq!(house.shown(), token, "each has their own");
    let asked = house.desk.asked();
    assert_eq!(asked.len(), 2, "one code each: {}", asked.len());
    assert_eq!(house.events("granted").await?, 2.0);
    house.gateway.books_agree().await?;
    house.gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn an_older_client_is_told_by_an_error_of_its_own_and_others_in_words() -> Result<()> {
    let house = House::start("").await?;
    let alice = house.caller("alice");
    let session = alice.able_session(&serde_json::from_str(ABLE)?).await?;
    let error = session.tool(READ, json!({})).await?.message()?["error"].clone();
    assert_eq!(error["code"], -32042, "{error}");
    let page = &error["data"]["elicitations"][0];
    assert_eq!(page["mode"], "url");
    ensure!(page["elicitationId"].as_str().is_some_and(|id| id.len() == 32), "{page}");
    let url = page["url"].as_str().context("a page")?.to_owned();
    // Clients that cannot open pages: the model reads what to do.
    let unable = alice.session().await?.tool(READ, json!({})).await?;
    assert_eq!(unable.result()?["isError"], true);
    assert_eq!(page_in(&unable.content()?)?, url);
    assert_eq!(house.told("alice").await?, url);
    house.browser().agrees(&url).await?;
    session.tool(READ, json!({})).await?.result()?;
    house.works("alice").await?;

    // Who says no is not asked again at once.
    let decline = json!({ "inputResponses": { "toolgate-connect": { "action": "decline" } } });
    let answer = house.caller("bob").send(able(decline)).await?;
    ensure!(
        answer.content()?.contains("said no") && !answer.text().contains("http://"),
        "{}",
        answer.text()
    );
    house.gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_link_is_good_once_and_for_the_browser_that_has_said_yes_on_its_page() -> Result<()> {
    let house = House::start("").await?;
    let page = house.told("mallory").await?;
    let mut browser = house.browser();
    let offer = browser.open(&page).await?;
    let policy = offer.header("content-security-policy").context("a policy")?;
    ensure!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(offer.header("cache-control").as_deref(), Some("no-store"));
    let text = offer.text();
    ensure!(
        text.contains("<b>mallory</b>") && text.contains("notes") && !text.contains("<script"),
        "{text}"
    );
    ensure!(text.contains(&house.desk.address().to_string()), "{text}");
    // To look at it changes nothing; a yes from another page, or by another browser, is none.
    assert_eq!(browser.press(&offer, "https://evil.example").await?.status, 403);
    assert_eq!(house.browser().press(&offer, &browser.origin()).await?.status, 403);
    ensure!(house.desk.asked().is_empty());
    let away = browser.press(&offer, &browser.origin()).await?;
    assert_eq!(browser.press(&offer, &browser.origin()).await?.status, 404, "it was used");
    assert_eq!(browser.open(&page).await?.status, 404);

    let back = browser.open(&leads(&away)?).await?;
    let back = back.header("location").context("back")?;
    // The way back is the same browser's, once.
    assert_eq!(house.browser().open(&back).await?.status, 404);
    assert_eq!(browser.open(&back).await?.status, 404);
    ensure!(house.desk.asked().is_empty(), "no code was shown to anybody");
    for odd in ["/grants/callback", "/grants/callback?state=x&code=y", "/grants/start?link=%00"] {
        let answer = browser.open(&format!("{}{odd}", browser.origin())).await?;
        assert_eq!(answer.status, 404, "{odd}");
        ensure!(!answer.text().contains('y') || !answer.text().contains("code=y"));
    }
    let put =
        Client::new(house.gateway.listen()).send(Ask::post("").to("/grants/callback")).await?;
    assert_eq!(put.status, 405);

    house.desk.user(None);
    let page = house.told("mallory").await?;
    assert_eq!(house.browser().agrees(&page).await?.status, 403);
    house.desk.user(Some("alice"));
    house.desk.rotate("canary4711-another-secret");
    let page = house.told("mallory").await?;
    assert_eq!(house.browser().agrees(&page).await?.status, 502);
    assert_eq!(house.events("declined").await?, 1.0);
    assert_eq!(house.events("failed").await?, 1.0);
    ensure!(house.events("unknown").await? >= 5.0);
    house.gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_grant_is_renewed_for_all_calls_at_once_and_asked_for_again_when_it_is_taken_back()
-> Result<()> {
    let house = House::start("").await?;
    house.desk.gives(Duration::from_secs(2));
    house.connect("alice").await?;
    house.works("alice").await?;
    house.desk.revoke();
    let alice = house.caller("alice");
    let calls = (0..20).map(|_| alice.tool(READ, json!({})));
    for answer in futures_util::future::try_join_all(calls).await? {
        ensure!(answer.result()?["isError"] != true, "{}", answer.text());
    }
    let renewals =
        house.desk.asked().iter().filter(|form| form["grant_type"] == "refresh_token").count();
    ensure!((1..=3).contains(&renewals), "{renewals} for twenty calls");
    house.desk.take_back();
    let page = until("the grant is found to be over", async || {
        let answer = alice.tool(READ, json!({})).await?;
        let text = answer.content().unwrap_or_default();
        Ok(page_in(&text).ok())
    })
    .await?;
    ensure!(house.events("revoked").await? >= 1.0);
    house.browser().agrees(&page).await?;
    house.works("alice").await?;
    house.gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn grants_outlive_the_gateway_in_a_file_that_says_nothing() -> Result<()> {
    let House { gateway, issuer, desk, gate, config, scratch, _sick } =
        House::start("grants: { file: \"FOLDER/grants\", key: \"env:GRANTS_KEY\" }").await?;
    let house = House { gateway, issuer, desk, gate, config, scratch, _sick };
    house.connect("alice").await?;
    house.works("alice").await?;
    let House { gateway, issuer, desk, gate, config, scratch, _sick } = house;
    gateway.stop().await?;
    let file = scratch.path().join("grants");
    let kept = fs::read_to_string(&file)?;
    ensure!(
        kept.starts_with("toolgate-grants 1\n")
            && !kept.contains("canary")
            && !kept.contains("alice")
    );
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);

    let gateway = Gateway::start_at("trace", &config, &ENV).await?;
    let house = House { gateway, issuer, desk, gate, config, scratch, _sick };
    house.caller("alice").until_listed(&[READ, WRITE]).await?;
    house.works("alice").await?;
    assert_eq!(house.desk.asked().last().context("a form")?["grant_type"], "refresh_token");
    ensure!(house.told("bob").await.is_ok(), "bob has connected nothing");
    house.gateway.stop().await?;

    let other =
        [("SECRET", SECRET), ("GRANTS_KEY", "canary4711-another-key-of-the-file-of-grants")];
    let refused = Gateway::start_at("info", &house.config, &other).await;
    let why = refused.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(why.contains("cannot be opened"), "{why}");
    // Another client's, or of another server: of no use here.
    let moved = house.config.replace("prompt=consent", "prompt=consent&moved=1");
    let gateway = Gateway::start_at("trace", &moved, &ENV).await?;
    let house = House { gateway, ..house };
    house.caller("alice").until_listed(&[READ, WRITE]).await?;
    ensure!(house.told("alice").await.is_ok(), "it was agreed to elsewhere");
    house.gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn without_a_way_to_renew_it_a_grant_ends_with_its_token_and_an_outage_is_no_end()
-> Result<()> {
    let house = House::start("").await?;
    house.connect("alice").await?;
    house.works("alice").await?;
    house.desk.renews_nothing();
    house.connect("bob").await?;
    house.works("bob").await?;
    house.desk.revoke();
    ensure!(house.told("bob").await?.contains("/grants/start"), "asked again");
    house.desk.is(Mood::Status(503));
    let answer = house.caller("alice").tool(READ, json!({})).await?;
    let error = answer.message()?["error"].clone();
    assert_eq!(error["data"]["reason"], "credentials", "{error}");
    ensure!(!answer.text().contains("/grants/"), "a user can do nothing about that: {error}");
    house.gateway.stop().await?;
    Ok(())
}
