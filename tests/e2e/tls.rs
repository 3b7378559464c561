//! TLS at the front door, and callers that are known by their certificates.

use std::path::Path;
use std::process::Output;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use toolgate_tests::client::{Answer, Ask, Client};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::pki::{Authority, Hands, Pair, Says};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::wait::until;

const SCOPE: &str = "gateway/invoke";
const NOW: &str = "clock___now";
const SLEEP: &str = "clock___sleep";
const DEPLOYER: &str = "spiffe://example.com/ns/ci/sa/deployer";
const HANDSHAKES: &str = "toolgate_tls_handshakes_total";

/// A gateway with TLS, and who signed its certificate and those of its callers.
struct House {
    gateway: Gateway,
    scratch: Scratch,
    authority: Authority,
    deployer: Pair,
    reader: Pair,
    stranger: Pair,
}

impl House {
    /// `tls` are settings besides the files, `auth` ways to call besides certificates.
    async fn start(tls: &str, auth: &str, more: &str) -> Result<Self> {
        let (scratch, authority) = (Scratch::new()?, Authority::new("house")?);
        let says = Says { uri: Some(DEPLOYER), ..Says::name("deployer") };
        let deployer = authority.signs(says, "deployer", &scratch)?;
        let reader = authority.signs(Says::name("reader"), "reader", &scratch)?;
        let stranger = authority.signs(Says::name("stranger"), "stranger", &scratch)?;
        let own = authority.signs(Says::name("gateway"), "gateway", &scratch)?;
        let clients = scratch.write("clients.pem", &authority.pem)?;
        let config = format!(
            "tls: {{ certificate: {}, key: {}, client_ca: {}, {tls} }}\n\
             auth:\n  scopes: [{SCOPE}]\n  certificates:\n    \
             - {{ uri: \"{DEPLOYER}\", name: deploys, scopes: [{SCOPE}, clock/sleep] }}\n    \
             - {{ common_name: reader, name: reads, scopes: [{SCOPE}] }}\n{auth}\
             targets:\n  clock: {{ builtin: clock }}\n\
             tools:\n  {SLEEP}: {{ scopes: [clock/sleep] }}\n{more}",
            own.certificate.display(),
            own.key.display(),
            clients.display(),
        );
        let gateway = Gateway::start(&config).await?;
        Ok(Self { gateway, scratch, authority, deployer, reader, stranger })
    }

    /// A caller that shows that certificate.
    fn with(&self, pair: Option<&Pair>) -> Result<Client> {
        Ok(self.gateway.client().over(&Hands::new(&self.authority, pair)?))
    }

    async fn handshakes(&self, end: &str) -> Result<f64> {
        Ok(self.gateway.metrics().await?.sum(HANDSHAKES, &[("reason", end)]))
    }

    /// Waits until a handshake has ended so.
    async fn until_ended(&self, end: &str) -> Result<()> {
        until(format!("a handshake is counted as {end}"), async || {
            Ok((self.handshakes(end).await? > 0.0).then_some(()))
        })
        .await
    }

    fn ca(&self) -> Result<String> {
        let file = self.scratch.write("ca.pem", &self.authority.pem)?;
        Ok(file.display().to_string())
    }

    /// Another certificate of the gateway's, in the place of the one it has.
    fn renewed(&self, by: &Authority) -> Result<()> {
        by.signs(Says::name("renewed"), "gateway", &self.scratch).map(drop)
    }
}

async fn run(program: &str, words: &[&str]) -> Result<Output> {
    let mut command = Command::new(program);
    command.args(words).stdin(std::process::Stdio::null());
    command.output().await.with_context(|| format!("running {program}"))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_taken_and_nothing_older() -> Result<()> {
    let house = House::start("client: optional", "", "").await?;
    let (ca, at) = (house.ca()?, house.gateway.listen().to_string());
    let handshake = async |version: &str| {
        // Without the security level OpenSSL itself would not offer 1.1.
        let words = ["s_client", "-connect", &at, "-CAfile", &ca, version, "-alpn", "h2,http/1.1"];
        let words = [&words[..], &["-cipher", "DEFAULT@SECLEVEL=0"]].concat();
        let done = run("openssl", &words).await?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        anyhow::Ok((done.status.success(), said))
    };
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (ok, said) = handshake(version).await?;
        let is_so = said.contains(name) && said.contains("ALPN protocol: h2");
        ensure!(ok && is_so && said.contains("Verify return code: 0 (ok)"), "{version}: {said}");
    }
    let (ok, said) = handshake("-tls1_1").await?;
    ensure!(!ok && said.contains("Cipher is (NONE)"), "{said}");
    house.until_ended("unsupported").await?;
    // Who does not know the authority does not go on, and who speaks in the clear gets no answer.
    let url = format!("https://{at}/mcp");
    let curl = run("curl", &["-sS", &url]).await?;
    ensure!(!curl.status.success(), "curl took a certificate of nobody");
    house.until_ended("refused_by_caller").await?;
    let clear = house.gateway.client().raw(b"GET /mcp HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    ensure!(!clear.contains("HTTP/"), "{clear}");
    house.until_ended("not_tls").await
}

#[tokio::test]
async fn curl_calls_over_http2_with_a_certificate() -> Result<()> {
    let house = House::start("", "", "").await?;
    let ca = house.ca()?;
    let url = format!("https://{}/mcp", house.gateway.listen());
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}"#;
    let (certificate, key) = (shown(&house.reader.certificate), shown(&house.reader.key));
    let words = ["-sS", "--http2", "--cacert", &ca, "--cert", &certificate, "--key", &key];
    let headers = ["-H", "content-type: application/json", "-H"];
    let accept = ["accept: application/json, text/event-stream", "-d", body];
    let last = ["-w", "\n%{http_version} %{http_code}", url.as_str()];
    let done = run("curl", &[&words[..], &headers, &accept, &last].concat()).await?;
    let said = String::from_utf8_lossy(&done.stdout);
    ensure!(said.ends_with("\n2 200") && said.contains("protocolVersion"), "{said} {done:?}");
    Ok(())
}

#[tokio::test]
async fn who_shows_no_certificate_or_one_that_does_not_hold_is_not_let_in() -> Result<()> {
    let house = House::start("", "", "").await?;
    let other = Authority::new("other")?;
    let forged = other.signs(Says::name("reader"), "forged", &house.scratch)?;
    let ended = Says { until: 2020, ..Says::name("reader") };
    let ended = house.authority.signs(ended, "ended", &house.scratch)?;
    for (pair, end) in [
        (None, "certificate_missing"),
        (Some(&forged), "certificate_unknown_issuer"),
        (Some(&ended), "certificate_expired"),
    ] {
        let told = house.with(pair)?.tool(NOW, json!({})).await;
        ensure!(told.is_err(), "{end}: {told:?}");
        house.until_ended(end).await?;
        ensure!(house.handshakes(end).await? == 1.0, "{end}");
    }
    ensure!(house.handshakes("ok").await? == 0.0);
    let answer = house.with(Some(&house.reader))?.tool(NOW, json!({})).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    house.gateway.books_agree().await
}

/// What the access log says of who called.
async fn who(house: &House, answer: &Answer) -> Result<[String; 2]> {
    let line = house.gateway.line_of(answer).await?;
    Ok(["issuer", "principal"].map(|key| line[key].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn a_certificate_is_a_caller_whose_scopes_decide_on_list_and_call_alike() -> Result<()> {
    let log = Scratch::new()?;
    let audit = log.path().join("audit.jsonl");
    let more = format!("audit: {{ file: \"{}\" }}\n", audit.display());
    let house = House::start("client: optional", "", &more).await?;
    let (deploys, reads) = (house.with(Some(&house.deployer))?, house.with(Some(&house.reader))?);
    deploys.until_listed(&[NOW, SLEEP]).await?;
    reads.until_listed(&[NOW]).await?;
    let naps = json!({ "seconds": 0 });
    let slept = deploys.tool(SLEEP, naps.clone()).await?;
    ensure!(slept.status == 200, "{}", slept.text());
    let refused = reads.tool(SLEEP, naps).await?;
    ensure!(refused.status != 200 || refused.text().contains("error"), "{}", refused.text());
    let told = reads.tool(NOW, json!({})).await?;
    let line = house.gateway.line_of(&told).await?;
    ensure!(line["issuer"] == "certificates", "{line}");
    ensure!(line["client"].as_str().is_some_and(|it| it.len() == 16), "{line}");
    // A certificate that no entry is about, and none at all, are no callers.
    for (pair, says) in [
        (Some(&house.stranger), "the client certificate is not accepted"),
        (None, "a bearer token or a client certificate is needed"),
    ] {
        let answer = house.with(pair)?.tool(NOW, json!({})).await?;
        let message = answer.message()?["error"]["message"].clone();
        ensure!(answer.status == 401 && message == says, "{}", answer.text());
    }
    let metrics = house.gateway.metrics().await?;
    let labels = [("issuer", "certificates"), ("reason", "unknown_certificate")];
    ensure!(metrics.sum("toolgate_auth_requests_total", &labels) == 1.0);
    let id = slept.header("x-request-id").context("an id")?;
    let record = until("the decision is on record", async || {
        let text = std::fs::read_to_string(&audit)?;
        let mut records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(records.find(|record| record["request_id"] == *id && record["kind"] == "allow"))
    })
    .await?;
    ensure!(record["issuer"] == "certificates" && record["subject"] == "deploys", "{record}");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_token_beside_a_certificate_says_who_it_is_and_a_bad_one_is_not_made_good() -> Result<()>
{
    let issuer = Issuer::start().await?;
    let issuers = format!(
        "  issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [\"{CLIENT_ID}\"] }}]\n",
        issuer.url()
    );
    let house = House::start("", &issuers, "").await?;
    let deploys = house.with(Some(&house.deployer))?;
    let beside = deploys.with_token(issuer.token(&[SCOPE]));
    let answer = beside.tool(NOW, json!({})).await?;
    ensure!(who(&house, &answer).await?[0] == "main", "{}", answer.text());
    // Its scopes count alone.
    let refused = beside.tool(SLEEP, json!({ "seconds": 0 })).await?;
    ensure!(refused.status == 403, "{}", refused.text());
    let bad = deploys.with_token(issuer.others_token(&[SCOPE])).tool(NOW, json!({})).await?;
    ensure!(bad.status == 401, "{}", bad.text());
    let stranger = house.with(Some(&house.stranger))?.with_token(issuer.token(&[SCOPE]));
    ensure!(stranger.tool(NOW, json!({})).await?.status == 200, "its token is good");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn files_are_read_again_while_connections_are_open_and_no_request_fails() -> Result<()> {
    let house = House::start("", "", "").await?;
    let next = Authority::new("next")?;
    let deploys = house.with(Some(&house.deployer))?;
    let mut kept = deploys.kept();
    let mut call = async || {
        let answer = kept.send(Ask::tool(NOW, json!({}))).await?;
        ensure!(answer.status == 200, "{}", answer.text());
        anyhow::Ok(())
    };
    call().await?;
    let reloads = async |outcome| {
        let labels = [("outcome", outcome)];
        anyhow::Ok(house.gateway.metrics().await?.sum("toolgate_tls_reloads_total", &labels))
    };
    // Another certificate, of another authority: new callers see it, those that are there go on.
    house.renewed(&next)?;
    let newcomer = house.gateway.client().over(&Hands::new(&next, Some(&house.deployer))?);
    until("the new certificate is shown", async || {
        call().await?;
        Ok(newcomer.tool(NOW, json!({})).await.ok().filter(|answer| answer.status == 200))
    })
    .await?;
    ensure!(deploys.tool(NOW, json!({})).await.is_err(), "the old one is shown no more");
    // What is broken changes nothing, and is told of.
    house.scratch.write("gateway.crt", "-----BEGIN CERTIFICATE-----\n")?;
    let failed = reloads("failed").await?;
    house.gateway.signal(Signal::HUP)?;
    until("the broken file is seen", async || {
        call().await?;
        Ok((reloads("failed").await? > failed).then_some(()))
    })
    .await?;
    ensure!(newcomer.tool(NOW, json!({})).await?.status == 200, "what was read before holds");
    let said = house.gateway.stderr();
    ensure!(said.contains("TLS goes on with the certificate of before"), "{said}");
    let gauge = "toolgate_tls_certificate_not_after_timestamp_seconds";
    let metrics = house.gateway.metrics().await?;
    ensure!(metrics.sum(gauge, &[("kind", "server")]) == 3_786_912_000.0, "2090-01-01");
    ensure!(metrics.sum(gauge, &[("kind", "client_ca")]) == 4_102_444_800.0, "2100-01-01");
    Ok(())
}

#[tokio::test]
async fn an_authority_that_is_taken_out_takes_its_callers_along_at_once() -> Result<()> {
    let house = House::start("client: optional", "", "").await?;
    let mut kept = house.with(Some(&house.deployer))?.kept();
    let mut call = async || kept.send(Ask::tool(NOW, json!({}))).await;
    ensure!(call().await?.status == 200);
    let next = Authority::new("next")?;
    // First both, then the new one alone.
    house.scratch.write("clients.pem", &[house.authority.pem.as_str(), &next.pem].concat())?;
    let newcomer = next.signs(Says::name("reader"), "newcomer", &house.scratch)?;
    let newcomer = house.with(Some(&newcomer))?;
    until("the new authority is taken", async || {
        ensure!(call().await?.status == 200, "the old one is good still");
        Ok(newcomer.tool(NOW, json!({})).await.ok().filter(|answer| answer.status == 200))
    })
    .await?;
    house.scratch.write("clients.pem", &next.pem)?;
    let refused = until("the old authority is gone", async || {
        let answer = call().await?;
        Ok((answer.status != 200).then_some(answer))
    })
    .await?;
    let message = refused.message()?["error"]["message"].clone();
    ensure!(refused.status == 401 && message == "the client certificate is not accepted");
    ensure!(newcomer.tool(NOW, json!({})).await?.status == 200);
    Ok(())
}

#[tokio::test]
async fn slow_handshakes_hold_up_nobody_and_are_ended() -> Result<()> {
    let house = House::start("", "", "limits: { connections: 8 }\n").await?;
    let reads = house.with(Some(&house.reader))?;
    let began = Instant::now();
    let mut slow = Vec::new();
    for sent in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"].repeat(2) {
        let mut stream = TcpStream::connect(house.gateway.listen()).await?;
        stream.write_all(sent).await?;
        slow.push(stream);
    }
    for _ in 0..5 {
        ensure!(reads.tool(NOW, json!({})).await?.status == 200);
    }
    ensure!(began.elapsed().as_secs() < 5, "they were held up: {:?}", began.elapsed());
    for mut stream in slow {
        let _closed = stream.read_to_end(&mut Vec::new()).await;
    }
    let took = began.elapsed().as_secs();
    ensure!((9..20).contains(&took), "ended after {took} s");
    until("they are counted", async || {
        Ok((house.handshakes("timeout").await? == 6.0).then_some(()))
    })
    .await?;
    ensure!(reads.tool(NOW, json!({})).await?.status == 200);
    Ok(())
}

#[tokio::test]
async fn explain_knows_whom_a_certificate_stands_for() -> Result<()> {
    let house = House::start("", "", "").await?;
    let file = house.gateway.config_path();
    let toolgate = binary("toolgate", "toolgate")?;
    let explain = async |pair: &Pair| {
        let mut command = Command::new(&toolgate);
        command.args(["explain", SLEEP, "--config"]).arg(&file);
        let done = command.arg("--certificate").arg(&pair.certificate).output().await?;
        anyhow::Ok((done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned()))
    };
    let (code, said) = explain(&house.deployer).await?;
    ensure!(code == Some(0) && said.contains("certificates:deploys"), "{said}");
    let (code, said) = explain(&house.reader).await?;
    ensure!(code == Some(4), "{said}");
    let (code, said) = explain(&house.stranger).await?;
    ensure!(code == Some(4) && said.contains("no entry of auth.certificates fits"), "{said}");
    Ok(())
}

#[tokio::test]
async fn the_command_line_calls_over_tls_and_says_what_to_do_when_it_cannot() -> Result<()> {
    let house = House::start("", "", "").await?;
    let (ca, port) = (house.ca()?, house.gateway.listen().port());
    let url = format!("https://localhost:{port}/mcp");
    let toolgate = shown(&binary("toolgate", "toolgate")?);
    let (certificate, key) = (shown(&house.reader.certificate), shown(&house.reader.key));
    let known = ["--certificate", &certificate, "--key", &key];
    let call = async |more: &[&str]| {
        let words = [&["call", NOW, "--url", &url][..], more].concat();
        let done = run(&toolgate, &words).await?;
        let said = [done.stdout.as_slice(), &done.stderr].concat();
        anyhow::Ok((done.status.code(), String::from_utf8_lossy(&said).into_owned()))
    };
    let (code, said) = call(&[&["--ca", &ca][..], &known].concat()).await?;
    ensure!(code == Some(0), "{said}");
    let (code, said) = call(&known).await?;
    ensure!(code == Some(7) && said.contains("--ca FILE names the one that signed it"), "{said}");
    let (code, said) = call(&["--ca", &ca]).await?;
    ensure!(code == Some(7) && said.contains("--certificate FILE --key FILE"), "{said}");
    // The front on standard input says the same.
    let mut stdio = Command::new(&toolgate);
    stdio.args(["stdio", "--url", &url, "--ca", &ca]).args(known);
    stdio.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut stdio = stdio.spawn()?;
    let asked = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"e2e","version":"1"}}}"#;
    let mut input = stdio.stdin.take().context("standard input")?;
    input.write_all(format!("{asked}\n").as_bytes()).await?;
    drop(input);
    let done = stdio.wait_with_output().await?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    ensure!(said.contains("\"protocolVersion\":\"2025-11-25\""), "{said} {done:?}");
    Ok(())
}
