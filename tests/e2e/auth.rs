//! Who gets in, what the others are told, and that no token is ever written down.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::issuer::{CLIENT_ID, Issuer, OTHER_CLIENT};
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::story;

use crate::expect::{Refused, fine};

const SCOPE: &str = "gateway/invoke";

/// A gateway that takes tokens of one issuer, before one target.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    sick: Sick,
}

impl House {
    async fn start() -> Result<Self> {
        let issuer = Issuer::start().await?;
        let sick = Sick::start(Era::Modern).await?;
        let gateway = Gateway::start(&config(issuer.url(), &sick, "")).await?;
        Ok(Self { gateway, issuer, sick })
    }

    fn with(&self, token: &str) -> Client {
        self.gateway.client().with_token(token)
    }

    /// A caller with a good token of these scopes.
    fn having(&self, scopes: &[&str]) -> Client {
        self.with(&self.issuer.token(scopes))
    }

    /// A token whose claims are good but for these; null takes one out.
    fn token_but(&self, other: Value) -> String {
        let mut claims = self.issuer.claims(&[SCOPE]);
        if let (Some(claims), Value::Object(other)) = (claims.as_object_mut(), other) {
            claims.extend(other);
            claims.retain(|_, value| !value.is_null());
        }
        self.issuer.mint(claims)
    }

    fn metadata_url(&self) -> String {
        format!("http://{}/.well-known/oauth-protected-resource/mcp", self.gateway.listen())
    }

    /// None of these is anywhere that an operator reads.
    fn nobody_wrote_down(&self, tokens: &[String]) -> Result<()> {
        let written =
            [("stderr", self.gateway.stderr()), ("access log", self.gateway.access_log())];
        for (place, text) in &written {
            for piece in tokens.iter().flat_map(|token| token.split('.')) {
                ensure!(piece.len() < 20 || !text.contains(piece), "{place} has {piece}: {text}");
            }
        }
        Ok(())
    }
}

fn config(issuer: &str, sick: &Sick, rules: &str) -> String {
    let url = sick.url();
    format!(
        "auth:
  issuers:
    - {{ name: main, profile: cognito, issuer: \"{issuer}\", clients: [{CLIENT_ID}, {OTHER_CLIENT}] }}
  scopes: [{SCOPE}]
targets:
  sick: {{ mcp: {{ url: \"{url}\" }} }}
{rules}"
    )
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

const MISSING: Refused = Refused::caller(401, 401, "unauthenticated", "a bearer token is needed");
const INVALID: Refused =
    Refused::caller(401, 401, "unauthenticated", "the bearer token is not accepted");

#[tokio::test]
async fn a_good_token_gets_in_and_goes_no_further() -> Result<()> {
    let house = House::start().await?;
    let token = house.issuer.token(&[SCOPE]);
    for _ in 0..2 {
        let answer = house.with(&token).tool("sick___write", json!({})).await?;
        fine(&house.gateway, &answer).await?;
        let line = house.gateway.line_of(&answer).await?;
        assert_eq!((&line["issuer"], &line["client"]), (&json!("main"), &json!(CLIENT_ID)));
    }
    for seen in house.sick.seen() {
        assert_eq!(seen.header("authorization"), None, "the token was handed on");
        assert!(!String::from_utf8_lossy(&seen.body).contains(&token));
    }
    let metrics = house.gateway.metrics().await?;
    assert_eq!(metrics.sum("toolgate_auth_cache_total", &[("outcome", "hit")]), 1.0);
    house.nobody_wrote_down(&[token])?;
    house.gateway.books_agree().await
}

#[tokio::test]
async fn without_a_token_the_challenge_says_where_to_get_one() -> Result<()> {
    let house = House::start().await?;
    let answer = house.gateway.client().tool("sick___write", json!({})).await?;
    MISSING.check(&house.gateway, &answer).await?;
    let challenge = answer.header("www-authenticate").context("no challenge")?;
    let url = house.metadata_url();
    assert_eq!(challenge, format!("Bearer resource_metadata=\"{url}\", scope=\"{SCOPE}\""));
    let basic = Ask::tool("sick___write", json!({})).header("authorization", "Basic eDp5");
    MISSING.check(&house.gateway, &house.gateway.client().send(basic).await?).await?;
    assert_eq!(house.sick.calls("write"), 0);
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_refused_without_saying_why() -> Result<()> {
    let house = House::start().await?;
    let (issuer, now) = (&house.issuer, now());
    let kid = issuer.kids().pop();
    let under = |header: Value| issuer.mint_with_header(header, issuer.claims(&[SCOPE]));
    let good = issuer.token(&[SCOPE]);
    let (signed, _) = good.rsplit_once('.').context("a signature")?;
    let stranger = Issuer::start().await?;
    let cases = [
        ("garbage", "malformed", "not-a-token".to_owned()),
        ("three parts of garbage", "malformed", "aaaa.bbbb.cccc".to_owned()),
        ("alg none", "bad_algorithm", under(json!({ "alg": "none", "kid": kid }))),
        ("HS256 by the public key", "bad_algorithm", under(json!({ "alg": "HS256", "kid": kid }))),
        ("unknown kid", "unknown_kid", under(json!({ "alg": "RS256", "kid": "nobody's" }))),
        ("signature of other claims", "bad_signature", format!("{signed}.{}", "A".repeat(342))),
        ("wrong issuer", "bad_issuer", house.token_but(json!({ "iss": "https://evil.example" }))),
        ("another issuer's", "bad_issuer", stranger.token(&[SCOPE])),
        ("wrong client", "bad_client", house.token_but(json!({ "client_id": "stranger" }))),
        ("no client", "bad_client", house.token_but(json!({ "client_id": null }))),
        ("id token", "bad_token_use", house.token_but(json!({ "token_use": "id" }))),
        ("expired", "expired", house.token_but(json!({ "exp": now - 600 }))),
        ("no expiry", "malformed", house.token_but(json!({ "exp": null }))),
        ("not yet valid", "not_yet_valid", house.token_but(json!({ "nbf": now + 600 }))),
        ("20 kB", "too_large", house.token_but(json!({ "padding": "x".repeat(15_000) }))),
    ];
    let url = house.metadata_url();
    let challenge =
        format!("Bearer error=\"invalid_token\", resource_metadata=\"{url}\", scope=\"{SCOPE}\"");
    let mut answers = std::collections::HashSet::new();
    for (what, reason, token) in &cases {
        let answer = house.with(token).tool("sick___write", json!({})).await?;
        INVALID.check(&house.gateway, &answer).await.context(*what)?;
        ensure!(answer.header("www-authenticate").as_ref() == Some(&challenge), "{what}");
        let id = answer.header("x-request-id").context("an id")?;
        answers.insert(answer.text().replace(&id, ""));
        let metrics = house.gateway.metrics().await?;
        let counted = metrics.sum("toolgate_auth_requests_total", &[("reason", reason)]);
        ensure!(counted >= 1.0, "{what}: not counted as {reason}");
        let line = house.gateway.line_of(&answer).await?;
        ensure!(line["detail"].is_string(), "{what}: the operator is not told why: {line}");
    }
    assert_eq!(answers.len(), 1, "the caller is told why: {answers:?}");
    assert_eq!(house.sick.asked("tools/call"), 0);
    house.nobody_wrote_down(&cases.map(|(_, _, token)| token))?;
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_token_without_the_scope_of_the_gateway_is_told_which_one() -> Result<()> {
    let house = House::start().await?;
    let says = "this needs a token with the scopes: gateway/invoke";
    let expected = Refused::caller(403, 403, "forbidden", says);
    let url = house.metadata_url();
    let challenge = format!(
        "Bearer error=\"insufficient_scope\", resource_metadata=\"{url}\", scope=\"{SCOPE}\""
    );
    for scopes in [&[][..], &["other/scope"], &["gateway/invoke2"]] {
        let client = house.having(scopes);
        for answer in [
            client.tool("sick___write", json!({})).await?,
            client.modern("tools/list", json!({})).await?,
            client.modern("server/discover", json!({})).await?,
        ] {
            expected.check(&house.gateway, &answer).await?;
            assert_eq!(answer.header("www-authenticate").as_ref(), Some(&challenge));
        }
    }
    assert_eq!(house.sick.calls("write"), 0);
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_tool_with_a_scope_of_its_own_is_hidden_from_and_refused_to_others() -> Result<()> {
    let issuer = Issuer::start().await?;
    let sick = Sick::start(Era::Modern).await?;
    let rules = "tools:\n  sick___write: { scopes: [sick/write] }\n";
    let gateway = Gateway::start(&config(issuer.url(), &sick, rules)).await?;
    let plain = gateway.client().with_token(issuer.token(&[SCOPE]));
    let writer = gateway.client().with_token(issuer.token(&[SCOPE, "sick/write"]));
    assert_eq!(plain.tools().await?, ["sick___read"]);
    assert_eq!(writer.tools().await?, ["sick___read", "sick___write"]);
    let answer = plain.tool("sick___write", json!({})).await?;
    let says = "gateway/invoke sick/write";
    let expected = Refused::caller(403, 403, "forbidden", says);
    expected.check(&gateway, &answer).await?;
    let challenge = answer.header("www-authenticate").context("no challenge")?;
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"gateway/invoke sick/write\""), "{challenge}");
    assert_eq!(sick.calls("write"), 0);
    fine(&gateway, &writer.tool("sick___write", json!({})).await?).await?;
    fine(&gateway, &plain.tool("sick___read", json!({})).await?).await?;
    let session = plain.session().await?;
    assert_eq!(session.request("tools/list", json!({})).await?.tool_names()?, ["sick___read"]);
    expected.check(&gateway, &session.tool("sick___write", json!({})).await?).await?;
    gateway.books_agree().await
}

#[tokio::test]
async fn the_metadata_of_the_resource_is_served_without_a_token_at_both_paths() -> Result<()> {
    let house = House::start().await?;
    for path in
        ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]
    {
        let answer = house.gateway.client().send(Ask::get(path)).await?;
        assert_eq!(answer.status, 200);
        let document = answer.message()?;
        assert_eq!(document["resource"], house.gateway.mcp_url());
        assert_eq!(document["authorization_servers"], json!([house.issuer.url()]));
        assert_eq!(document["scopes_supported"], json!([SCOPE]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    }
    Ok(())
}

#[tokio::test]
async fn a_session_is_worth_nothing_to_another_principal() -> Result<()> {
    let house = House::start().await?;
    let mine = house.having(&[SCOPE]);
    let session = mine.session().await?;
    session.request("tools/list", json!({})).await?.result()?;
    let other = house.token_but(json!({ "client_id": OTHER_CLIENT, "sub": OTHER_CLIENT }));
    let list = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
    let answer = house.with(&other).send(Ask::on_session(&session.id, list)).await?;
    let says = "this session has ended or never was";
    let expected = Refused::caller(404, -32600, "invalid_request", says);
    expected.check(&house.gateway, &answer).await?;
    // A new token of the same principal goes on with it.
    let answer = house.having(&[SCOPE]).send(Ask::on_session(&session.id, list)).await?;
    fine(&house.gateway, &answer).await?;
    Ok(())
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_found_when_the_first_token_needs_it() -> Result<()> {
    let house = House::start().await?;
    fine(&house.gateway, &house.having(&[SCOPE]).tool("sick___read", json!({})).await?).await?;
    let fetched = house.issuer.jwks_fetches();
    house.issuer.add_key()?;
    house.issuer.drop_oldest_key()?;
    let client = house.having(&[SCOPE]);
    let answers =
        tokio::try_join!(client.tool("sick___read", json!({})), client.tools(), client.tools())?;
    fine(&house.gateway, &answers.0).await?;
    assert_eq!(house.issuer.jwks_fetches(), fetched + 1, "callers share one fetch");
    // A flood of made-up key ids does not become a flood of fetches.
    for number in 0..20 {
        let header = json!({ "alg": "RS256", "kid": format!("made up {number}") });
        let token = house.issuer.mint_with_header(header, house.issuer.claims(&[SCOPE]));
        let answer = house.with(&token).tool("sick___read", json!({})).await?;
        INVALID.told(&answer)?;
    }
    let last = house.issuer.jwks_fetches();
    assert!(last <= fetched + 2, "{last}");
    story::broke("the issuer has another key, and then come 20 tokens with keys that nobody has");
    story::said(
        "callers",
        "the first three tokens of the new key, at the same time: three answers",
    );
    story::said("the issuer", &format!("asked for its keys {} times in all since", last - fetched));
    story::points_to("alarms/runbooks/ToolgateUnknownKidStorm.md");
    Ok(())
}

#[tokio::test]
async fn an_outage_of_the_issuer_does_not_stop_those_with_good_tokens() -> Result<()> {
    let house = House::start().await?;
    fine(&house.gateway, &house.having(&[SCOPE]).tool("sick___read", json!({})).await?).await?;
    house.issuer.take_down().await;
    for _ in 0..3 {
        // Every token is new: its signature is verified with the keys at hand.
        let answer = house.having(&[SCOPE]).tool("sick___read", json!({})).await?;
        fine(&house.gateway, &answer).await?;
    }
    let ready = house.gateway.admin("/readyz").await?;
    assert_eq!(ready.status, 200);
    story::broke("the issuer is down: its keys cannot be fetched");
    story::said("callers", "three new tokens of it, verified with the keys at hand: three answers");
    story::said("/readyz", &format!("{} {}", ready.status, ready.text()));
    story::points_to(
        "the issuer's own page; alarms/runbooks/ToolgateJwksRefreshFailing.md, later ToolgateJwksStale.md",
    );
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_not_the_callers_fault() -> Result<()> {
    let issuer = Issuer::start().await?;
    let sick = Sick::start(Era::Modern).await?;
    issuer.take_down().await;
    let gateway = Gateway::start(&config(issuer.url(), &sick, "")).await?;
    let token = issuer.token(&[SCOPE]);
    let client = gateway.client().with_token(&token);
    let answer = client.tool("sick___write", json!({})).await?;
    let (says, reason, blame) = ("cannot be verified now", "internal", "gateway");
    let expected = Refused { status: 503, code: 503, says, reason, blame, retry_safe: true };
    expected.check(&gateway, &answer).await?;
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.header("www-authenticate"), None, "another token would not help");
    assert_eq!(gateway.admin("/readyz").await?.status, 503);
    assert_eq!(sick.calls("write"), 0);
    issuer.bring_up().await?;
    toolgate_tests::wait::until("the keys are had", async || {
        Ok(client.tool("sick___write", json!({})).await?.result().is_ok().then_some(()))
    })
    .await?;
    gateway.books_agree().await
}

#[tokio::test]
async fn tokens_of_an_issuer_with_audiences_must_be_for_this_gateway() -> Result<()> {
    let issuer = Issuer::start().await?;
    let sick = Sick::start(Era::Modern).await?;
    let (iss, url) = (issuer.url(), sick.url());
    let config = format!(
        "auth:\n  issuers:\n    - {{ name: staff, profile: oidc, issuer: \"{iss}\", audiences: [\"https://gw.example/mcp\"] }}\n  \
         scopes: [{SCOPE}]\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let minted = |aud: Value| {
        let mut claims = issuer.claims(&[SCOPE]);
        claims["aud"] = aud;
        gateway.client().with_token(issuer.mint(claims))
    };
    for good in [json!("https://gw.example/mcp"), json!(["x", "https://gw.example/mcp"])] {
        fine(&gateway, &minted(good).tool("sick___read", json!({})).await?).await?;
    }
    for bad in [json!("https://gw.example"), json!([]), Value::Null] {
        let answer = minted(bad).tool("sick___read", json!({})).await?;
        INVALID.check(&gateway, &answer).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_targets_credentials_are_the_operators_and_are_not_shown() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let config = format!(
        "auth: {{ anonymous: true }}\ntargets:\n  sick:\n    mcp: {{ url: \"{url}\" }}\n    \
         credentials: {{ header: Authorization, scheme: Bearer, secret: \"env:SICK_TOKEN\" }}\n"
    );
    let secret = "very-secret-token-of-the-operator";
    let gateway = Gateway::start_with(&config, &[("SICK_TOKEN", secret)]).await?;
    let ask = Ask::tool("sick___write", json!({})).header("authorization", "Bearer callers-own");
    let answer = gateway.client().send(ask).await?;
    fine(&gateway, &answer).await?;
    let seen = sick.seen();
    assert!(!seen.is_empty());
    for seen in &seen {
        let sent = format!("Bearer {secret}");
        assert_eq!(seen.header("authorization"), Some(sent.as_str()), "{}", seen.method);
    }
    let metrics = gateway.admin("/metrics").await?.text();
    for text in [gateway.stderr(), gateway.access_log(), metrics, answer.text()] {
        assert!(!text.contains(secret), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_nobody_could_mean_starts_nothing() -> Result<()> {
    let started = Gateway::start("targets: {}\n").await;
    let error = format!("{:#}", started.err().context("it started without authentication")?);
    assert!(error.contains("error[TG") && error.contains("auth"), "{error}");
    let address = free_address()?;
    let far =
        format!("auth: {{ anonymous: true }}\npublic_url: \"http://{address}\"\ntargetz: {{}}\n");
    let error = format!("{:#}", Gateway::start(&far).await.err().context("it started")?);
    assert!(error.contains("targetz") && error.contains("targets"), "{error}");
    Ok(())
}
