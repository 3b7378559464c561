//! Two gateways hold callers to one limit, over a real Redis; and what they do without it.

mod alike;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;
use toolgate_tests::client::Answer;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::Scratch;
use toolgate_tests::redis::Redis;
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused, fine};

const LIMITED: Refused = Refused {
    status: 429,
    code: 429,
    says: "nothing was sent, call again in",
    reason: "rate_limited",
    blame: "caller",
    retry_safe: true,
};

const UNKNOWN: Refused = Refused {
    status: 503,
    code: 503,
    says: "whether a limit is used up cannot be found out at the moment; nothing was sent",
    reason: "internal",
    blame: "gateway",
    retry_safe: true,
};

const TAKES: &str = "toolgate_rate_store_takes_total";
const UP: &str = "toolgate_rate_store_up";

/// A gateway that lets so many calls of the clock through in an hour, with what else `shared` says.
async fn gateway(calls: u32, shared: &str) -> Result<Gateway> {
    gateway_at(&format!("redis: {{ {shared}"), calls).await
}

async fn gateway_at(shared: &str, calls: u32) -> Result<Gateway> {
    let gateway = Gateway::start(&limits(shared, calls)).await?;
    up(&gateway, 1.0).await?;
    Ok(gateway)
}

fn limits(shared: &str, calls: u32) -> String {
    format!(
        "{OPEN}limits: {{ rates: [{{ per: gateway, calls: {calls}, every: 1h }}], shared: {{ {shared} }} }}\n\
         targets: {{ clock: {{ builtin: clock }} }}\n"
    )
}

fn at(redis: &Redis) -> String {
    format!("url: \"redis://{}\"", redis.address())
}

async fn up(gateway: &Gateway, value: f64) -> Result<()> {
    until(format!("{UP} is {value}"), async || {
        Ok((gateway.metrics().await?.sum(UP, &[]) == value).then_some(()))
    })
    .await
}

async fn takes(gateway: &Gateway, outcome: &str) -> Result<f64> {
    Ok(gateway.metrics().await?.sum(TAKES, &[("outcome", outcome)]))
}

async fn call(gateway: &Gateway) -> Result<Answer> {
    gateway.client().tool("clock___now", json!({})).await
}

/// So many calls, one after the other; gives back how many were let through.
async fn let_through(gateway: &Gateway, calls: usize) -> Result<usize> {
    let mut through = 0;
    for _ in 0..calls {
        through += usize::from(call(gateway).await?.status == 200);
    }
    Ok(through)
}

#[tokio::test]
async fn two_gateways_let_exactly_as_many_calls_through_as_one() -> Result<()> {
    let redis = Redis::start().await?;
    // Redis counts the time: an hour for 20 calls is far more than this test takes.
    let here = gateway(20, &format!("{} }}, timeout: 1s", at(&redis))).await?;
    let there = gateway(20, &format!("{} }}, timeout: 1s", at(&redis))).await?;
    // Each has one, whoever is quicker with the others.
    ensure!(let_through(&here, 1).await? == 1 && let_through(&there, 1).await? == 1);
    let all = (0..60).map(|n| call(if n % 2 == 0 { &here } else { &there }));
    let answers = join_all(all).await.into_iter().collect::<Result<Vec<_>>>()?;
    let through = answers.iter().filter(|answer| answer.status == 200).count();
    ensure!(through == 18, "{through} of 60 calls were let through, and 2 before");
    LIMITED.check(&here, &call(&here).await?).await?;
    let answer = call(&there).await?;
    LIMITED.check(&there, &answer).await?;
    let seconds: u64 = answer.header("retry-after").context("no Retry-After")?.parse()?;
    ensure!(
        (170..=180).contains(&seconds),
        "the next of 20 an hour is told to come in {seconds} s"
    );
    for gateway in [&here, &there] {
        ensure!(takes(gateway, "taken").await? >= 1.0 && takes(gateway, "empty").await? >= 1.0);
        gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn redis_sees_hashes_that_go_away_by_themselves() -> Result<()> {
    let (issuer, redis) = (Issuer::start().await?, Redis::start().await?);
    let gateway = Gateway::start(&format!(
        "auth: {{ issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}] }}\n\
         limits: {{ rates: [{{ per: principal, calls: 60, every: 1m }}], shared: {{ timeout: 1s, \
         redis: {{ {}, prefix: gw-7 }} }} }}\ntargets: {{ clock: {{ builtin: clock }} }}\n",
        issuer.url(),
        at(&redis),
    ))
    .await?;
    let mut claims = issuer.claims(&[]);
    claims["sub"] = json!("alice-of-accounting");
    let client = gateway.client().with_token(issuer.mint(claims));
    fine(&gateway, &client.tool("clock___now", json!({})).await?).await?;
    let keys = redis.ask("KEYS *").await?;
    ensure!(keys.starts_with("*2\r\n") && keys.matches("{gw-7}:").count() == 2, "{keys}");
    for name in ["alice", "main", "principal", "clock"] {
        ensure!(!keys.contains(name), "{keys}");
    }
    // One token of one a second, and a second more.
    for key in keys.lines().filter(|line| line.starts_with('{')) {
        let left = redis.ask(&format!("PTTL {key}")).await?;
        let left = left.lines().next().and_then(|line| line.strip_prefix(':'));
        let left: i64 = left.context("no PTTL")?.parse()?;
        ensure!((-2..=2000).contains(&left) && left != -1, "{key} lives for {left} ms");
    }
    Ok(())
}

/// Each way of going on without Redis, and that it is shared again afterwards.
#[tokio::test]
async fn without_redis_calls_go_by_the_configuration_and_with_it_they_are_shared_again()
-> Result<()> {
    let mut redis = Redis::start().await?;
    let place = at(&redis);
    let start = async |mode: &str| {
        gateway(3, &format!("{place}, prefix: {mode} }}, timeout: 1s, on_failure: {mode}")).await
    };
    let (allow, refuse) = (start("allow").await?, start("refuse").await?);
    let (local, other) = (start("local").await?, start("local").await?);
    ensure!(let_through(&allow, 5).await? == 3, "shared, and more than three were let through");
    redis.kill().await?;
    ensure!(let_through(&allow, 5).await? == 5, "allow");
    ensure!(let_through(&refuse, 5).await? == 0, "refuse");
    ensure!(let_through(&local, 5).await? == 3 && let_through(&other, 5).await? == 3, "local");
    let answer = call(&refuse).await?;
    UNKNOWN.check(&refuse, &answer).await?;
    ensure!(
        answer.header("retry-after").as_deref() == Some("1"),
        "{:?}",
        answer.header("retry-after")
    );
    LIMITED.check(&local, &call(&local).await?).await?;
    for gateway in [&allow, &refuse, &local, &other] {
        up(gateway, 0.0).await?;
        // The connection broke under one call at most; nobody waited for what is known to be gone.
        let (failed, down) = (takes(gateway, "failed").await?, takes(gateway, "down").await?);
        ensure!(failed <= 1.0 && failed + down >= 5.0, "{failed} failed, {down} were not asked");
        ensure!(takes(gateway, "late").await? == 0.0);
    }
    redis.again().await?;
    for gateway in [&allow, &refuse, &local, &other] {
        up(gateway, 1.0).await?;
    }
    // A Redis that knows nothing any more: three over both, whoever asks first.
    ensure!(let_through(&local, 2).await? == 2);
    ensure!(let_through(&other, 2).await? == 1, "not shared again");
    ensure!(let_through(&allow, 5).await? == 3 && let_through(&refuse, 5).await? == 3);
    for (gateway, meanwhile) in [
        (allow, "no rate holds"),
        (refuse, "calls that a rate is about are refused"),
        (local, "each gateway counts alone"),
    ] {
        let said = gateway.stop().await?.stderr;
        let lines = |what: &str| said.lines().filter(|line| line.contains(what)).count();
        ensure!(lines("rate limits are not shared") == 1 && lines(meanwhile) == 1, "{said}");
        ensure!(lines("rate limits are shared") == 2, "{said}");
    }
    Ok(())
}

/// Also one that is not there when the gateway starts.
#[tokio::test]
async fn a_gateway_starts_without_its_redis() -> Result<()> {
    let mut redis = Redis::start().await?;
    let place = at(&redis);
    redis.kill().await?;
    let gateway = Gateway::start(&limits(&format!("redis: {{ {place} }}"), 2)).await?;
    ensure!(let_through(&gateway, 4).await? == 2 && takes(&gateway, "taken").await? == 0.0);
    redis.again().await?;
    up(&gateway, 1.0).await?;
    ensure!(let_through(&gateway, 4).await? == 2 && takes(&gateway, "taken").await? == 2.0);
    Ok(())
}

#[tokio::test]
async fn a_redis_that_hangs_holds_few_calls_up_and_none_beyond_the_timeout() -> Result<()> {
    const CALLS: u8 = 20;
    let redis = Redis::start().await?;
    let gateway =
        gateway(1000, &format!("{} }}, timeout: 100ms, on_failure: allow", at(&redis))).await?;
    fine(&gateway, &call(&gateway).await?).await?;
    redis.signal(Signal::STOP)?;
    let mut held_up = 0;
    for _ in 0..CALLS {
        let answer = call(&gateway).await?;
        fine(&gateway, &answer).await?;
        let spent = gateway.line_of(&answer).await?["phases"]["authorize_ms"].clone();
        let spent = spent.as_f64().context("no time is told")?;
        if spent >= 100.0 {
            held_up += 1;
        }
    }
    let (late, down) = (takes(&gateway, "late").await?, takes(&gateway, "down").await?);
    ensure!(late <= 3.0 && late + down == f64::from(CALLS), "{late} late, {down} not asked");
    ensure!(f64::from(held_up) == late, "{held_up} calls were held up, {late} were late");
    up(&gateway, 0.0).await?;
    redis.signal(Signal::CONT)?;
    up(&gateway, 1.0).await?;
    let before = takes(&gateway, "taken").await?;
    fine(&gateway, &call(&gateway).await?).await?;
    ensure!(takes(&gateway, "taken").await? == before + 1.0);
    Ok(())
}

/// What answers pings and cannot take tokens is not taken for a Redis that works.
#[tokio::test]
async fn a_replica_that_must_not_be_written_to_is_no_store() -> Result<()> {
    let (primary, replica) = (Redis::start().await?, Redis::start().await?);
    let of = primary.address();
    let answer = replica.ask(&format!("REPLICAOF {} {}", of.ip(), of.port())).await?;
    ensure!(answer.starts_with("+OK"), "{answer}");
    let shared = format!("redis: {{ {} }}", at(&replica));
    let gateway = Gateway::start(&limits(&shared, 2)).await?;
    ensure!(let_through(&gateway, 4).await? == 2);
    ensure!(takes(&gateway, "taken").await? == 0.0);
    until("the log says why", async || Ok(gateway.stderr().contains("not shared").then_some(())))
        .await?;
    ensure!(gateway.stderr().to_lowercase().contains("read only replica"), "{}", gateway.stderr());
    replica.ask("REPLICAOF NO ONE").await?;
    up(&gateway, 1.0).await
}

#[tokio::test]
async fn over_tls_with_a_password_only_a_redis_that_can_prove_who_it_is_is_told_it() -> Result<()> {
    const PASSWORD: &str = "a-long-password-for-this-test";
    let scratch = Scratch::new()?;
    let (certificate, key) = certificate(scratch.path())?;
    let redis = Redis::start_with(&[
        "--port",
        "0",
        "--tls-port",
        "PORT",
        "--tls-auth-clients",
        "no",
        "--requirepass",
        PASSWORD,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
    ])
    .await?;
    let port = redis.address().port();
    let shared = format!(
        "redis: {{ url: \"rediss://localhost:{port}\", password: env:REDIS_PASSWORD }}, timeout: 1s"
    );
    let trusting = [("REDIS_PASSWORD", PASSWORD), ("SSL_CERT_FILE", certificate.as_str())];
    let here = Gateway::start_with(&limits(&shared, 3), &trusting).await?;
    up(&here, 1.0).await?;
    ensure!(let_through(&here, 5).await? == 3 && takes(&here, "empty").await? == 2.0);
    let stranger = Gateway::start_with(&limits(&shared, 3), &trusting[..1]).await?;
    until("the log says why", async || Ok(stranger.stderr().contains("not shared").then_some(())))
        .await?;
    ensure!(let_through(&stranger, 5).await? == 3 && takes(&stranger, "down").await? == 5.0);
    for said in [here.stop().await?.stderr, stranger.stop().await?.stderr] {
        ensure!(!said.contains(PASSWORD), "{said}");
    }
    Ok(())
}

/// A certificate for `localhost` that vouches for itself, and its key.
fn certificate(folder: &Path) -> Result<(String, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"])
        .args(["-out", &certificate, "-keyout", &key])
        .output()
        .context("openssl, which comes with Debian's certificates")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok((certificate, key))
}
