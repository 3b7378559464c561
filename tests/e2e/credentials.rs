//! What targets are shown: tokens of the gateway's own, what callers' tokens were exchanged for, secrets
//! that change, signatures; and that nothing of it is shown to anybody else.

mod aws;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Answer, Client};
use toolgate_tests::fake_desk::{CLIENT, FakeDesk, Mood, TOKEN};
use toolgate_tests::gate::Gate;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::Scratch;
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::wait::until;

use crate::expect::OPEN;

const SECRET: &str = "canary4711-secret-of-the-client-of-the-desk";
const READ: &str = "guarded___read";

/// A gateway before a target that wants a token of that authorization server.
struct House {
    gateway: Gateway,
    desk: FakeDesk,
    gate: Gate,
    /// What callers are known by; it is the target of [`Gate`] that lasts.
    _sick: Sick,
}

impl House {
    async fn start(
        era: Era,
        auth: &str,
        credentials: impl Fn(&FakeDesk) -> String,
    ) -> Result<Self> {
        let (sick, desk) = (Sick::start(era).await?, FakeDesk::start(SECRET).await?);
        let gate = Gate::start(sick.address(), desk.takes()).await?;
        let (url, credentials) = (gate.url(), credentials(&desk));
        let config = format!(
            "{auth}targets:\n  guarded:\n    mcp: {{ url: \"{url}\" }}\n    timeout: 15s\n    list_ttl: 1s\n    \
             credentials: {{ {credentials} }}\n"
        );
        let gateway = Gateway::start_at("trace", &config, &[("SECRET", SECRET)]).await?;
        Ok(Self { gateway, desk, gate, _sick: sick })
    }

    async fn open(era: Era) -> Result<Self> {
        Self::start(era, OPEN, client_credentials).await
    }

    async fn call(&self) -> Result<Answer> {
        self.gateway.client().tool(READ, json!({})).await
    }

    /// The first call that goes through.
    async fn ready(&self, client: &Client) -> Result<()> {
        until("the target's tools are known", async || {
            Ok(client.tool(READ, json!({})).await?.result().is_ok().then_some(()))
        })
        .await
    }

    async fn sum(&self, family: &str, labels: &[(&str, &str)]) -> Result<f64> {
        Ok(self.gateway.metrics().await?.sum(family, labels))
    }

    /// Stops it; nothing that it wrote has a secret in it.
    async fn clean(self, more: &[&str]) -> Result<()> {
        let metrics = self.gateway.admin("/metrics").await?.text();
        let stopped = self.gateway.stop().await?;
        for text in [metrics, stopped.access_log, stopped.stderr, stopped.stdout] {
            for secret in more.iter().chain(&["canary4711"]) {
                let line = text.lines().find(|line| line.contains(secret));
                ensure!(line.is_none(), "{secret} was written down: {line:?}");
            }
        }
        Ok(())
    }
}

fn client_credentials(desk: &FakeDesk) -> String {
    let url = desk.token_url();
    format!(
        "client_credentials: {{ token_url: \"{url}\", client_id: {CLIENT}, client_secret: \"env:SECRET\", \
         scopes: [orders/read], audience: orders }}"
    )
}

fn token_exchange(desk: &FakeDesk) -> String {
    let issuer = desk.issuer();
    format!(
        "token_exchange: {{ issuer: \"{issuer}\", client_id: {CLIENT}, client_secret: \"env:SECRET\", \
         auth: post }}"
    )
}

fn error_of(answer: &Answer) -> Result<Value> {
    answer.message()?.get("error").cloned().with_context(|| answer.text())
}

fn family(rest: &str) -> String {
    format!("toolgate_target_credentials_{rest}")
}

#[tokio::test]
async fn a_target_is_shown_one_token_of_the_gateways_own_in_either_era() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let house = House::open(era).await?;
        house.ready(&house.gateway.client()).await?;
        let calls = (0..50).map(|_| house.call());
        for answer in futures_util::future::try_join_all(calls).await? {
            ensure!(answer.result().is_ok(), "{}", answer.text());
        }
        let asked = house.desk.asked();
        let [form] = asked.as_slice() else { anyhow::bail!("{} tokens", asked.len()) };
        assert_eq!(form["scope"], "orders/read");
        assert_eq!(form["audience"], "orders");
        assert_eq!(house.gate.refused(), 0, "{:?}", house.gate.shown());
        assert_eq!(house.sum(&family("fetches_total"), &[("outcome", "ok")]).await?, 1.0);
        assert!(house.sum(&family("expiry_timestamp_seconds"), &[]).await? > 1e9);
        house.gateway.books_agree().await?;
        house.clean(&[TOKEN]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_was_taken_back_costs_no_call() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let house = House::open(era).await?;
        house.ready(&house.gateway.client()).await?;
        house.desk.revoke();
        let calls = (0..20).map(|_| house.call());
        for answer in futures_util::future::try_join_all(calls).await? {
            ensure!(answer.result().is_ok(), "{}", answer.text());
        }
        assert_eq!(house.desk.asked().len(), 2, "one more for all of them");
        assert!(house.sum(&family("refused_total"), &[]).await? >= 1.0);
    }
    Ok(())
}

#[tokio::test]
async fn a_target_that_takes_no_token_is_asked_twice_and_no_more() -> Result<()> {
    let house = House::open(Era::Modern).await?;
    house.ready(&house.gateway.client()).await?;
    house.desk.is(Mood::Lie);
    house.desk.revoke();
    let before = house.gate.shown().len();
    let answer = house.call().await?;
    let error = error_of(&answer)?;
    assert_eq!(error["data"]["reason"], "upstream_4xx", "{error}");
    assert!(error["message"].as_str().unwrap_or("").contains("credentials"), "{error}");
    // The list is asked for beside it, at most once a second.
    let asked = house.gate.shown().len() - before;
    assert!((2..=6).contains(&asked), "{asked} requests");
    for _ in 0..10 {
        house.call().await?;
    }
    assert!(house.desk.asked().len() <= 3, "{} tokens", house.desk.asked().len());
    house.clean(&[]).await
}

#[tokio::test]
async fn trouble_of_an_issuer_is_told_as_such_and_is_not_the_targets() -> Result<()> {
    for mood in [Mood::Status(503), Mood::Page, Mood::Status(302)] {
        let house = House::open(Era::Modern).await?;
        house.ready(&house.gateway.client()).await?;
        house.desk.is(mood);
        house.desk.revoke();
        let answer = house.call().await?;
        let error = error_of(&answer)?;
        let data = &error["data"];
        assert_eq!((&data["reason"], &data["blame"]), (&json!("credentials"), &json!("gateway")));
        assert_eq!(data["retry_safe"], true, "{error}");
        assert!(data["retry_after_ms"].as_u64().is_some_and(|wait| wait <= 30_000), "{error}");
        let line = house.gateway.line_of(&answer).await?;
        assert_eq!(line["reason"], "credentials", "{line}");
        // Whoever asks meanwhile is told so at once, and the issuer is left alone.
        let before = house.desk.asked().len();
        let calls = (0..50).map(|_| house.call());
        for answer in futures_util::future::try_join_all(calls).await? {
            assert_eq!(error_of(&answer)?["data"]["reason"], "credentials");
        }
        assert!(house.desk.asked().len() - before <= 3, "{:?}", house.desk.asked().len());
        let open = [("state", "open")];
        assert_eq!(house.sum("toolgate_circuit_state", &open).await?, 0.0);
        house.desk.is(Mood::Well);
        house.ready(&house.gateway.client()).await?;
        house.gateway.books_agree().await?;
        house.clean(&[]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_hangs_is_waited_for_in_time_that_is_the_gateways_own() -> Result<()> {
    let house = House::open(Era::Modern).await?;
    house.ready(&house.gateway.client()).await?;
    house.desk.is(Mood::Hang);
    house.desk.revoke();
    let answer = house.call().await?;
    assert_eq!(error_of(&answer)?["data"]["reason"], "credentials", "{}", answer.text());
    let line = house.gateway.line_of(&answer).await?;
    let spent = &line["phases"];
    let waited = spent["authenticate_ms"].as_f64().with_context(|| format!("{line}"))?;
    assert!((9_000.0..12_000.0).contains(&waited), "{line}");
    Ok(())
}

#[tokio::test]
async fn a_good_token_serves_while_its_issuer_is_down_and_is_renewed_after() -> Result<()> {
    let house = House::start(Era::Modern, OPEN, |desk| {
        desk.gives(Duration::from_secs(12));
        client_credentials(desk)
    })
    .await?;
    house.ready(&house.gateway.client()).await?;
    house.desk.is(Mood::Status(500));
    // A tenth before its end it is to be renewed, which fails.
    until("a renewal has failed", async || {
        let answer = house.call().await?;
        ensure!(answer.result().is_ok(), "{}", answer.text());
        Ok((house.desk.asked().len() > 1).then_some(()))
    })
    .await?;
    house.desk.is(Mood::Well);
    until("there is a new one", async || {
        house.call().await?;
        Ok((house.sum(&family("fetches_total"), &[("outcome", "ok")]).await? > 1.0).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_callers_token_is_exchanged_and_never_shown_to_the_target() -> Result<()> {
    let issuer = Issuer::start().await?;
    let auth = format!(
        "auth:\n  issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [\"{CLIENT_ID}\"] }}]\n",
        issuer.url()
    );
    let house = House::start(Era::Modern, &auth, token_exchange).await?;
    let token = |subject: &str| {
        let mut claims = issuer.claims(&[]);
        claims["sub"] = subject.into();
        issuer.mint(claims)
    };
    let (one, two) = (token("one"), token("two"));
    let by = |token: &str| house.gateway.client().with_token(token);
    house.ready(&by(&one)).await?;
    let before = house.gate.shown().len();
    for (token, times) in [(&one, 3), (&two, 2)] {
        for _ in 0..times {
            let answer = by(token).tool(READ, json!({})).await?;
            ensure!(answer.result().is_ok(), "{}", answer.text());
        }
    }
    let shown = house.gate.shown();
    let whose = |(shown, _): &(String, bool)| house.desk.whose(shown.trim_start_matches("Bearer "));
    let of: Vec<String> = shown[before..].iter().filter_map(whose).collect();
    assert_eq!(of, [&one, &one, &one, &two, &two].map(String::clone), "each in their own name");
    for (shown, _) in &shown {
        ensure!(!shown.contains(&one) && !shown.contains(&two), "a caller's token was passed on");
    }
    let asked = house.desk.asked();
    let exchanged = asked.iter().filter(|form| form.contains_key("subject_token")).count();
    assert_eq!((exchanged, asked.len()), (2, 3), "and one of the gateway's own, for lists");
    assert_eq!(house.sum(&family("cached"), &[]).await?, 2.0);
    house.clean(&[&one, &two]).await
}

#[tokio::test]
async fn a_caller_without_a_token_is_told_that_one_is_needed() -> Result<()> {
    let issuer = Issuer::start().await?;
    let auth = format!(
        "auth:\n  issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [\"{CLIENT_ID}\"] }}]\n",
        issuer.url()
    );
    let scratch = Scratch::new()?;
    let file = scratch.path().join("keys.json");
    let auth =
        format!("{auth}  keys: {{ file: \"{}\", pepper: \"env:SECRET\" }}\n", file.display());
    let config = format!("{auth}targets:\n  clock: {{ builtin: clock }}\n");
    scratch.write("toolgate.yaml", &config)?;
    let create = ["create", "--name", "ci"];
    let key = crate::keys::made(scratch.path(), &create, ("SECRET", SECRET)).await?;
    let house = House::start(Era::Modern, &auth, token_exchange).await?;
    house.ready(&house.gateway.client().with_token(issuer.token(&[]))).await?;
    let answer = house.gateway.client().with_token(&key).tool(READ, json!({})).await?;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let error = error_of(&answer)?;
    assert_eq!(error["data"]["reason"], "forbidden", "{error}");
    assert!(error["message"].as_str().unwrap_or("").contains("token from an issuer"), "{error}");
    let secret = key.rsplit('_').next().context("a key")?.to_owned();
    ensure!(house.desk.asked().iter().all(|form| !form.values().any(|v| v.contains(&secret))));
    house.clean(&[&secret]).await
}

#[tokio::test]
async fn a_secret_in_a_file_is_read_again_when_it_changes() -> Result<()> {
    let (sick, scratch) = (Sick::start(Era::Modern).await?, Scratch::new()?);
    let file = scratch.write("secret", "canary4711-first\n")?;
    let wanted = |head: &http::request::Parts, _: &[u8]| {
        head.headers.get("x-key").is_some_and(|key| key == "canary4711-second")
    };
    let gate = Gate::start(sick.address(), wanted).await?;
    let config = format!(
        "{OPEN}targets:\n  guarded:\n    mcp: {{ url: \"{}\" }}\n    \
         credentials: {{ header: X-Key, secret: \"file:{}\" }}\n",
        gate.url(),
        file.display()
    );
    let gateway = Gateway::start(&config).await?;
    until("the first one is refused", async || Ok((gate.refused() > 0).then_some(()))).await?;
    scratch.write("secret", "canary4711-second\n")?;
    until("the second one is taken", async || {
        let answer = gateway.client().tool(READ, json!({})).await?;
        Ok(answer.result().is_ok().then_some(()))
    })
    .await?;
    let labels = [("source", "file"), ("outcome", "rotated")];
    assert_eq!(gateway.metrics().await?.sum("toolgate_secret_reads_total", &labels), 1.0);
    ensure!(!gateway.stderr().contains("canary4711"), "{}", gateway.stderr());
    Ok(())
}
