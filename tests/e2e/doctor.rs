//! `toolgate doctor`: all is well where all is well, and each fault is found with its remedy.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use toolgate_tests::collector::Collector;
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::fake_desk::{CLIENT, FakeDesk, Mood};
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::pki::{Authority, Says};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::redis::Redis;
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::upstream::stdio_command;

use crate::expect::OPEN;

const SECRET: &str = "canary4711-secret-of-the-client-of-the-desk";

/// What it said, and its exit code.
struct Told {
    code: Option<i32>,
    json: Value,
    whole: String,
}

impl Told {
    /// The finding of that kind and name.
    fn of(&self, area: &str, name: &str) -> Result<&Value> {
        let checks = self.json["checks"].as_array().context("no checks")?;
        let found = checks.iter().find(|one| one["area"] == area && one["name"] == name);
        found.with_context(|| format!("no {area} {name}: {}", self.whole))
    }

    fn is(&self, area: &str, name: &str, state: &str) -> Result<()> {
        let found = self.of(area, name)?;
        ensure!(found["state"] == state, "{found}");
        Ok(())
    }

    /// That it failed, in these words and with this remedy.
    fn fails(&self, (area, name): (&str, &str), found: &str, fix: &str) -> Result<()> {
        let finding = self.of(area, name)?;
        ensure!(finding["state"] == "fail", "{finding}");
        for (key, says) in [("found", found), ("fix", fix)] {
            let text = finding[key].as_str().unwrap_or_default();
            ensure!(text.contains(says), "{key} lacks `{says}`: {finding}");
        }
        ensure!(self.code == Some(1), "exit code {:?}", self.code);
        Ok(())
    }
}

async fn doctor(config: &Path, more: &[&str]) -> Result<Told> {
    doctor_with(config, more, &[]).await
}

async fn doctor_with(config: &Path, more: &[&str], env: &[(&str, &str)]) -> Result<Told> {
    let mut command = Command::new(binary("toolgate", "toolgate")?);
    command.args(["doctor", "--output", "json", "--config"]).arg(config).args(more);
    command.env("SECRET", SECRET).env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.envs(env.iter().copied()).kill_on_drop(true).output().await?;
    let whole = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
    ensure!(!whole.contains(SECRET) && !whole.contains("canary4711"), "a secret got out: {whole}");
    let json = serde_json::from_str(&whole).with_context(|| whole.clone())?;
    Ok(Told { code: output.status.code(), json, whole })
}

/// Listens where nobody does, takes anybody, and has no admin port, with what else is said.
fn open(more: &str) -> Result<String> {
    Ok(format!("listen: {}\nadmin: off\n{OPEN}{more}", free_address()?))
}

async fn of(config: &str) -> Result<Told> {
    let scratch = Scratch::new()?;
    let file = scratch.write("toolgate.yaml", config)?;
    doctor(&file, &[]).await
}

fn taking(issuer: &str, leeway: &str) -> Result<String> {
    Ok(format!(
        "listen: {}\nadmin: off\nauth:\n  issuers:\n    \
         - {{ name: main, profile: cognito, issuer: \"{issuer}\", clients: [{CLIENT_ID}]{leeway} }}\n",
        free_address()?
    ))
}

fn asking(desk: &FakeDesk, url: &str) -> Result<String> {
    let token = desk.token_url();
    open(&format!(
        "targets:\n  guarded:\n    mcp: {{ url: \"{url}\" }}\n    retry: {{ attempts: 1 }}\n    credentials: \
         {{ client_credentials: {{ token_url: \"{token}\", client_id: {CLIENT}, client_secret: \"env:SECRET\" }} }}\n"
    ))
}

#[tokio::test]
async fn all_is_well_where_all_is_well_and_it_leaves_nothing_behind() -> Result<()> {
    let (issuer, modern, older) =
        (Issuer::start().await?, Sick::start(Era::Modern).await?, Sick::start(Era::Legacy).await?);
    let (desk, collector, redis) =
        (FakeDesk::start(SECRET).await?, Collector::start().await?, Redis::start().await?);
    let (scratch, authority) = (Scratch::new()?, Authority::new("house")?);
    let own = authority.signs(Says::name("gateway"), "gateway", &scratch)?;
    let config = format!(
        "{head}tls: {{ certificate: {certificate}, key: {key} }}\n\
         limits: {{ rates: [{{ per: gateway, calls: 9, every: 1h }}], shared: {{ redis: {{ url: \"redis://{redis}\" }} }} }}\n\
         audit: {{ file: audit.log }}\nlog: {{ access: \"file:access.log\" }}\n\
         traces: {{ otlp: {{ endpoint: \"{collector}\" }} }}\n\
         targets:\n  clock: {{ builtin: clock }}\n  modern:\n    mcp: {{ url: \"{modern}\" }}\n    credentials: \
         {{ client_credentials: {{ token_url: \"{token}\", client_id: {CLIENT}, client_secret: \"env:SECRET\" }} }}\n  \
         older: {{ mcp: {{ url: \"{older}\" }} }}\n  child: {{ stdio: {{ command: {child} }} }}\n",
        head = taking(issuer.url(), "")?,
        certificate = own.certificate.display(),
        key = own.key.display(),
        redis = redis.address(),
        collector = collector.url(),
        modern = modern.url(),
        token = desk.token_url(),
        older = older.url(),
        child = stdio_command("modern")?,
    );
    let file = scratch.write("toolgate.yaml", &config)?;
    let told = doctor(&file, &[]).await?;
    ensure!(told.code == Some(0), "{}", told.whole);
    for (area, name) in [
        ("config", "file"),
        ("listener", "listen"),
        ("issuer", "main"),
        ("credentials", "modern"),
        ("target", "clock"),
        ("target", "modern"),
        ("target", "older"),
        ("target", "child"),
        ("exporter", "traces.otlp"),
        ("redis", &redis.address().to_string()),
    ] {
        told.is(area, name, "ok")?;
    }
    ensure!(told.json["failed"] == 0, "{}", told.whole);
    for check in told.json["checks"].as_array().context("no checks")? {
        ensure!(check["took_ms"].is_number(), "{check}");
        let is_file = check["area"] == "file" || check["area"] == "tls";
        ensure!(!is_file || check["state"] == "ok", "{check}");
    }
    ensure!(collector.spans().is_empty(), "spans were sent");
    for log in ["audit.log", "access.log"] {
        ensure!(!scratch.path().join(log).exists(), "{log} was made");
    }
    ensure!(modern.calls("read") == 0 && older.calls("read") == 0, "a tool was called");
    Ok(())
}

#[tokio::test]
async fn a_dead_target_is_found_and_no_other_is_held_up_by_one_that_hangs() -> Result<()> {
    let (good, hangs) = (Sick::start(Era::Modern).await?, TcpListener::bind("127.0.0.1:0").await?);
    let config = open(&format!(
        "targets:\n  good: {{ mcp: {{ url: \"{}\" }} }}\n  dead: {{ mcp: {{ url: \"http://{}/mcp\" }} }}\n  \
         hangs: {{ mcp: {{ url: \"http://{}/mcp\" }} }}\n  \
         child: {{ stdio: {{ command: [/no/such/program] }} }}\n  \
         prom: {{ builtin: prometheus, url: \"http://{}\" }}\n",
        good.url(),
        free_address()?,
        hangs.local_addr()?,
        free_address()?,
    ))?;
    let scratch = Scratch::new()?;
    let file = scratch.write("toolgate.yaml", &config)?;
    let told = doctor(&file, &["--within", "4"]).await?;
    told.is("target", "good", "ok")?;
    told.fails(("target", "dead"), "connect_refused, blame network", "start it")?;
    told.fails(("target", "hangs"), "", "firewall")?;
    told.fails(("target", "child"), "", "run `/no/such/program` by hand")?;
    told.fails(("target", "prom"), "", "`targets.prom`")?;
    let took = told.json["took_ms"].as_f64().context("no time")?;
    ensure!(took < 10_000.0, "{took} ms");
    let one = doctor(&file, &["good"]).await?;
    ensure!(one.code == Some(0) && one.json["ok"] == 1, "{}", one.whole);
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_not_given_is_found_before_any_call_needs_it() -> Result<()> {
    let (target, desk) = (Sick::start(Era::Modern).await?, FakeDesk::start(SECRET).await?);
    let config = asking(&desk, &target.url())?;
    of(&config).await?.is("credentials", "guarded", "ok")?;
    desk.is(Mood::Status(401));
    of(&config).await?.fails(("credentials", "guarded"), "401", "`client_id`")?;
    let nobody = config.replace(&desk.token_url(), &format!("http://{}/token", free_address()?));
    of(&nobody).await?.fails(("credentials", "guarded"), "", "the right place")
}

#[tokio::test]
async fn an_issuer_that_lies_or_is_gone_is_found() -> Result<()> {
    let issuer = Issuer::start().await?;
    let targets = "targets: { clock: { builtin: clock } }\n";
    let config = format!("{}{targets}", taking(issuer.url(), "")?);
    of(&config).await?.is("issuer", "main", "ok")?;
    let discovery = issuer.discovery_url();
    let other = format!("{}/other", issuer.url());
    let lies =
        format!("{}{targets}", taking(&other, &format!(", discovery_url: \"{discovery}\""))?);
    of(&lies).await?.fails(("issuer", "main"), issuer.url(), "`issuer`")?;
    issuer.take_down().await;
    let told = of(&config).await?;
    told.fails(("issuer", "main"), "", "open the URL from this machine")?;
    told.is("issuer", "main clock", "untried")
}

#[tokio::test]
async fn places_that_cannot_be_used_are_found() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0").await?;
    let config = format!(
        "listen: {}\nadmin: off\n{OPEN}audit: {{ file: /proc/audit.log }}\ntargets: {{ clock: {{ builtin: clock }} }}\n",
        taken.local_addr()?
    );
    let told = of(&config).await?;
    told.fails(("listener", "listen"), "in use", "change `listen`")?;
    told.fails(("file", "/proc/audit.log"), "cannot be made", "`audit.file`")
}

#[tokio::test]
async fn a_port_of_a_gateway_that_runs_is_no_fault() -> Result<()> {
    let gateway =
        Gateway::start(&format!("{OPEN}targets: {{ clock: {{ builtin: clock }} }}\n")).await?;
    let told = doctor(&gateway.config_path(), &["listener"]).await?;
    ensure!(told.code == Some(0), "{}", told.whole);
    let found = told.of("listener", "listen")?["found"].as_str().unwrap_or_default();
    ensure!(found.contains("a toolgate runs here"), "{found}");
    Ok(())
}

#[tokio::test]
async fn a_redis_that_is_gone_and_a_collector_that_refuses_are_found() -> Result<()> {
    let (mut redis, collector) = (Redis::start().await?, Collector::start().await?);
    let at = redis.address().to_string();
    let config = open(&format!(
        "limits: {{ rates: [{{ per: gateway, calls: 9, every: 1h }}], shared: {{ redis: {{ url: \"redis://{at}\" }} }} }}\n\
         traces: {{ otlp: {{ endpoint: \"{}\" }} }}\ntargets: {{ clock: {{ builtin: clock }} }}\n",
        collector.url()
    ))?;
    let told = of(&config).await?;
    ensure!(told.code == Some(0), "{}", told.whole);
    redis.kill().await?;
    collector.refuse_all(401);
    let told = of(&config).await?;
    told.fails(("redis", &at), "", "start Redis or Valkey")?;
    told.fails(("exporter", "traces.otlp"), "401", "`traces.otlp`")
}

#[tokio::test]
async fn what_is_wrong_in_the_file_is_found_and_the_rest_said_to_be_untried() -> Result<()> {
    let (scratch, authority) = (Scratch::new()?, Authority::new("house")?);
    let ended =
        authority.signs(Says { until: 2020, ..Says::name("gateway") }, "ended", &scratch)?;
    let other = authority.signs(Says::name("other"), "other", &scratch)?;
    for (certificate, key, says) in
        [(&ended.certificate, &ended.key, "TG"), (&other.certificate, &ended.key, "TG")]
    {
        let config = open(&format!(
            "tls: {{ certificate: {}, key: {} }}\ntargets: {{ clock: {{ builtin: clock }} }}\n",
            certificate.display(),
            key.display()
        ))?;
        let told = of(&config).await?;
        ensure!(told.code == Some(3), "{}", told.whole);
        let checks = told.json["checks"].as_array().context("no checks")?;
        let found = &checks[0];
        ensure!(found["name"].as_str().is_some_and(|name| name.starts_with(says)), "{found}");
        ensure!(found["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{found}");
        told.is("config", "all else", "untried")?;
    }
    let missing = open(
        "targets:\n  a: { mcp: { url: \"https://a.example.com/mcp\" }, credentials: { header: x-key, secret: \"env:NOWHERE_4712\" } }\n",
    )?;
    let told = of(&missing).await?;
    ensure!(told.code == Some(3) && told.whole.contains("NOWHERE_4712"), "{}", told.whole);
    Ok(())
}

/// An API of one operation, whose document lies in the folder.
const DOCUMENT: &str = "openapi: 3.0.3\ninfo: { title: t, version: '1' }\npaths:\n  /items:\n    get:\n      \
                        operationId: listItems\n      responses: { '200': { description: ok } }\n";

#[tokio::test]
async fn an_api_is_connected_to_and_no_operation_of_it_called() -> Result<()> {
    let (scratch, api) = (Scratch::new()?, Sick::start(Era::Modern).await?);
    scratch.write("api.yaml", DOCUMENT)?;
    let at = |address| {
        open(&format!(
            "targets: {{ api: {{ openapi: {{ document: api.yaml, url: \"http://{address}\" }}, retry: {{ attempts: 1 }} }} }}\n"
        ))
    };
    let told = doctor(&scratch.write("good.yaml", &at(api.address())?)?, &[]).await?;
    told.is("target", "api", "ok")?;
    ensure!(told.whole.contains("1 operations of its document are tools"), "{}", told.whole);
    ensure!(api.seen().is_empty(), "it was asked something");
    let told = doctor(&scratch.write("dead.yaml", &at(free_address()?)?)?, &[]).await?;
    told.fails(("target", "api"), "connect_refused", "`targets.api`")
}

#[tokio::test]
async fn credentials_of_aws_are_found_to_be_good_missing_or_of_nobody() -> Result<()> {
    let (moto, scratch) = (Emulator::moto().await?, Scratch::new()?);
    let sick = Sick::start(Era::Modern).await?;
    let config = |endpoint: &str| {
        open(&format!(
            "aws: {{ region: us-east-1, endpoint: \"{endpoint}\" }}\n\
             cloudwatch: {{ mode: put }}\ntraces: {{ xray: {{ mode: segments }} }}\n\
             targets:\n  cloud: {{ builtin: cloudwatch }}\n  signed:\n    mcp: {{ url: \"{}\" }}\n    \
             credentials: {{ sigv4: {{ service: bedrock-agentcore }} }}\n",
            sick.url()
        ))
    };
    let file = scratch.write("good.yaml", &config(&moto.url())?)?;
    let told = doctor_with(&file, &[], &CREDENTIALS).await?;
    ensure!(told.code == Some(0), "{}", told.whole);
    for (area, name, state) in [
        ("aws", "identity", "ok"),
        ("target", "cloud", "ok"),
        ("target", "signed", "ok"),
        ("credentials", "signed", "ok"),
        ("exporter", "cloudwatch", "untried"),
        ("exporter", "traces.xray", "untried"),
    ] {
        told.is(area, name, state)?;
    }
    ensure!(told.of("aws", "identity")?["sent"] == "sts:GetCallerIdentity", "{}", told.whole);
    let nobody = [("HOME", "/nowhere"), ("AWS_REGION", "us-east-1")];
    let told = doctor_with(&file, &[], &nobody).await?;
    told.fails(("aws", "identity"), "credentials", "aws sts get-caller-identity")?;
    told.fails(("credentials", "signed"), "credentials", "environment, profile")?;
    let dead = scratch.write("dead.yaml", &config(&format!("http://{}", free_address()?))?)?;
    let told = doctor_with(&dead, &[], &CREDENTIALS).await?;
    told.fails(
        ("aws", "identity"),
        "unreachable",
        "whether the region and `aws.endpoint` are right",
    )
}

#[tokio::test]
async fn the_remedy_for_a_cluster_follows_what_went_wrong() -> Result<()> {
    let (moto, scratch) = (Emulator::moto().await?, Scratch::new()?);
    let config = |endpoint: &str| {
        open(&format!(
            "aws: {{ region: us-east-1, endpoint: \"{endpoint}\" }}\n\
             targets:\n  clusters: {{ builtin: eks }}\n  shop: {{ builtin: k8s, cluster: shop }}\n"
        ))
    };
    let good = scratch.write("good.yaml", &config(&moto.url())?)?;
    let told = doctor_with(&good, &["target"], &CREDENTIALS).await?;
    told.is("target", "clusters", "ok")?;
    told.fails(("target", "shop"), "shop", "`aws eks list-clusters`")?;
    let nobody = [("HOME", "/nowhere"), ("AWS_REGION", "us-east-1")];
    let told = doctor_with(&good, &["target"], &nobody).await?;
    for target in ["clusters", "shop"] {
        told.fails(("target", target), "no AWS credentials", "aws sts get-caller-identity")?;
    }
    let dead = scratch.write("dead.yaml", &config(&format!("http://{}", free_address()?))?)?;
    let told = doctor_with(&dead, &["target"], &CREDENTIALS).await?;
    for target in ["clusters", "shop"] {
        told.fails(("target", target), "cannot be reached", "this machine may go to AWS")?;
        let fix = told.of("target", target)?["fix"].as_str().unwrap_or_default();
        ensure!(!fix.contains("credentials"), "{fix}");
    }
    Ok(())
}

#[tokio::test]
async fn each_target_is_weighed_and_what_is_too_heavy_is_found_with_its_remedy() -> Result<()> {
    let (scratch, api) = (Scratch::new()?, Sick::start(Era::Modern).await?);
    let light = Sick::start(Era::Legacy).await?;
    scratch.write("api.yaml", DOCUMENT)?;
    let tools = serde_json::json!([{ "name": "find", "description": "word ".repeat(80), "inputSchema": { "type": "object" } }]);
    let bytes = tools[0].to_string().len();
    scratch.write("tools.json", &tools.to_string())?;
    let config = |definitions: &str, of_function: &str| {
        open(&format!(
            "{definitions}\naws: {{ region: us-east-1, endpoint: \"http://{at}\" }}\ntargets:\n  \
             api: {{ openapi: {{ document: api.yaml, url: \"http://{at}\" }}, definitions: {{ max_tokens: 2 }} }}\n  \
             fn: {{ lambda: {{ function: find, tools: tools.json }}{of_function} }}\n  \
             clock: {{ builtin: clock }}\n  older: {{ mcp: {{ url: \"{url}\" }} }}\n  \
             web: {{ builtin: web_search, engine: searxng, url: \"http://{at}\" }}\n",
            at = api.address(),
            url = light.url(),
        ))
    };
    let file = scratch.write("warns.yaml", &config("definitions: { warn_tokens: 100 }", "")?)?;
    let told = doctor_with(&file, &["target"], &CREDENTIALS).await?;
    for (name, tools) in [("api", 1), ("fn", 1), ("clock", 2), ("older", 2), ("web", 1)] {
        let found = told.of("target", name)?["found"].as_str().unwrap_or_default();
        ensure!(found.contains(&format!("{tools} tools, ")), "{name}: {found}");
        ensure!(found.contains(" bytes, about ") && found.contains(" tokens"), "{name}: {found}");
    }
    let weight = format!("1 tools, {bytes} bytes, about {} tokens", bytes.div_ceil(4));
    let function = told.of("target", "fn")?;
    ensure!(
        function["state"] == "warn"
            && function["found"].as_str().is_some_and(|found| found.contains(&weight)),
        "{function}"
    );
    ensure!(
        function["fix"].as_str().is_some_and(|fix| fix.contains("`search: only`")),
        "{function}"
    );
    told.fails(("target", "api"), "more than the 2 that", "`include` and `exclude`")?;
    told.is("target", "older", "ok")?;
    let file = scratch.write("fails.yaml", &config("", ", definitions: { max_tokens: 100 }")?)?;
    let told = doctor_with(&file, &["fn"], &CREDENTIALS).await?;
    told.fails(
        ("target", "fn"),
        "its list is refused",
        "raise `targets.fn.definitions.max_tokens`",
    )?;
    // Where two tools stand for all of them, nothing is too heavy before it is refused.
    let file = scratch
        .write("only.yaml", &config("search: only\ndefinitions: { warn_tokens: 100 }", "")?)?;
    doctor_with(&file, &["fn"], &CREDENTIALS).await?.is("target", "fn", "ok")
}
