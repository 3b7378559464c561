//! Spans in X-Ray: as segments, read back from moto; as signed OTLP; sampled by X-Ray's rules.

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use toolgate_tests::client::{Answer, Ask, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::segments;
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::wait::until;
use toolgate_tests::xray_stub::{XrayStub, rule};

use crate::expect::OPEN;

/// Traces of callers, none of which begins with a time of today.
const TRACES: [&str; 4] = [
    "0af7651916cd43dd8448eb211c80319c",
    "11111111111111111111111111111111",
    "ffffffff000000000000000000000001",
    "00000000000000000000000000000001",
];

/// A gateway that sends its spans to that endpoint.
async fn before(sick: &Sick, endpoint: &str, said: (&str, &str)) -> Result<Gateway> {
    started(sick, endpoint, said, &CREDENTIALS).await
}

/// The same with another environment.
async fn started(
    sick: &Sick,
    endpoint: &str,
    (auth, traces): (&str, &str),
    env: &[(&str, &str)],
) -> Result<Gateway> {
    let url = sick.url();
    let scoped = if auth == OPEN { "" } else { "  sick___more_0: { scopes: [sick/more] }\n" };
    let config = format!(
        "{auth}{traces}\
         aws: {{ region: us-east-1, endpoint: \"{endpoint}\" }}\n\
         targets:\n  sick: {{ mcp: {{ url: \"{url}\" }}, timeout: 1s }}\n\
         tools:\n  sick___read: {{ read_only: true, retry: {{ attempts: 2, base: 10ms }} }}\n{scoped}"
    );
    Gateway::start_with(&config, env).await
}

const SEGMENTS: &str =
    "traces: { sample: 0, xray: { mode: segments, rules: false, service: shop-gateway } }\n";
const OTLP: &str =
    "traces: { sample: 0, xray: { mode: otlp, rules: false, service: shop-gateway } }\n";

/// A call within a trace that its caller records.
async fn call(client: &Client, tool: &str, trace: &str) -> Result<Answer> {
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    client.send(Ask::tool(tool, json!({})).header("traceparent", &parent)).await
}

/// The documents in words: what they are, and how they are marked.
fn told(documents: &[Value]) -> Vec<String> {
    let one = |document: &Value| {
        let flags = ["error", "throttle", "fault"].into_iter().filter(|key| document[key] == true);
        let flags: Vec<&str> = flags.collect();
        let error = document["annotations"]["error_type"].as_str().unwrap_or("ok");
        let namespace = document["namespace"].as_str().unwrap_or("segment");
        format!("{namespace} {} {error} [{}]", document["name"], flags.join(" "))
    };
    documents.iter().map(one).collect()
}

#[tokio::test]
async fn segments_of_good_and_bad_calls_can_be_read_back_from_x_ray() -> Result<()> {
    let (moto, issuer) = tokio::try_join!(Emulator::moto(), Issuer::start())?;
    let sick = Sick::start(Era::Modern).await?;
    sick.lists(1);
    let iss = issuer.url();
    let auth = format!(
        "auth:\n  issuers: [{{ name: test, profile: cognito, issuer: \"{iss}\", clients: [\"{CLIENT_ID}\"] }}]\n"
    );
    let gateway = before(&sick, &moto.url(), (&auth, SEGMENTS)).await?;
    let client = gateway.client().with_token(issuer.token(&["gateway/invoke"]));
    let failed = || Act::page("503 Service Unavailable", "text/plain", "");
    let refused = r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#.to_owned();
    let (service, target) = ("\"shop-gateway\"", "\"sick\"");
    let cases = [
        (
            "sick___read",
            vec![],
            vec![format!("segment {service} ok []"), format!("remote {target} ok []")],
        ),
        (
            "sick___write",
            vec![Act::Result(refused)],
            vec![
                format!("segment {service} tool_error [error]"),
                format!("remote {target} tool_error [error]"),
            ],
        ),
        ("sick___more_0", vec![], vec![format!("segment {service} forbidden [error]")]),
        (
            "sick___read",
            vec![failed(), Act::Hang],
            vec![
                format!("segment {service} timeout_first_byte [fault]"),
                format!("remote {target} upstream_5xx [fault]"),
                format!("remote {target} timeout_first_byte [fault]"),
            ],
        ),
    ];
    for ((tool, acts, wanted), trace) in cases.into_iter().zip(TRACES) {
        sick.then(acts);
        call(&client, tool, trace).await?;
        let (epoch, random) = trace.split_at(8);
        let id = format!("1-{epoch}-{random}");
        let documents = segments::check(&moto.segments(&id, wanted.len()).await?)?;
        assert_eq!(told(&documents), wanted, "{documents:?}");
        let segment = &documents[0];
        assert_eq!(segment["parent_id"], "b7ad6b7169203331");
        assert_eq!(segment["annotations"]["toolgate_sampling_reason"], "head");
        assert_eq!(segment["annotations"]["mcp_method_name"], "tools/call");
        assert_eq!(segment["http"]["request"]["method"], "POST");
        let phases = segment["metadata"]["toolgate"]["events"].as_array().context("no events")?;
        assert_eq!(phases[0]["event"], "read");
    }
    // What moto has is counted once the gateway has read its answer.
    counted(&gateway, ("exported", "ok"), 8.0).await?;
    let metrics = gateway.metrics().await?;
    assert_eq!(metrics.sum("toolgate_telemetry_items_total", &[("outcome", "dropped")]), 0.0);
    Ok(())
}

fn items(metrics: &toolgate_tests::scrape::Metrics, outcome: &str, reason: &str) -> f64 {
    let labels = [("signal", "traces"), ("outcome", outcome), ("reason", reason)];
    metrics.sum("toolgate_telemetry_items_total", &labels)
}

/// Waits until the gateway has counted so many spans with that outcome and reason.
async fn counted(gateway: &Gateway, (outcome, reason): (&str, &str), spans: f64) -> Result<()> {
    until(format!("{spans} spans are {outcome} {reason}"), async || {
        let metrics = gateway.metrics().await?;
        Ok((items(&metrics, outcome, reason) == spans).then_some(()))
    })
    .await
    .with_context(|| gateway.stderr())
}

#[tokio::test]
async fn otlp_is_signed_compressed_and_sent_again_when_x_ray_asks_to_slow_down() -> Result<()> {
    let (sick, xray) = (Sick::start(Era::Modern).await?, XrayStub::start().await?);
    xray.refuse([429, 503]);
    let gateway = before(&sick, &xray.url(), (OPEN, OTLP)).await?;
    call(&gateway.client(), "sick___read", TRACES[0]).await?.result()?;
    counted(&gateway, ("exported", "ok"), 2.0).await?;
    let [batch] = &xray.otlp()[..] else { panic!("{:?}", xray.otlp()) };
    let resource = batch.resource_spans[0].resource.as_ref().context("no resource")?;
    assert!(format!("{resource:?}").contains("shop-gateway"), "{resource:?}");
    let spans = &batch.resource_spans[0].scope_spans[0].spans;
    let kinds: Vec<i32> = spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [SpanKind::Server as i32, SpanKind::Client as i32]);
    let hex: String = spans[0].trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, TRACES[0]);
    // Three times the same bytes, each signed for itself; nothing came unsigned.
    let posts = xray.asked().into_iter().filter(|(path, _)| path == "/v1/traces");
    let posts: Vec<_> = posts.collect();
    assert_eq!((posts.len(), xray.unsigned()), (3, vec![]));
    let (_, signed) = &posts[0];
    assert_eq!((&*signed.region, &*signed.service), ("us-east-1", "xray"));
    for name in ["content-encoding", "content-type"] {
        assert!(signed.headers.iter().any(|header| header == name), "{signed:?}");
    }
    // The account puts spans into X-Ray alone: the operator is told once, with the remedy.
    let warned = until("the operator is warned", async || {
        let said = gateway.stderr();
        Ok(said.contains("update-trace-segment-destination").then_some(said))
    });
    let said = warned.await?;
    assert_eq!(said.matches("update-trace-segment-destination").count(), 1, "{said}");
    assert!(said.contains("mode: segments"), "{said}");
    Ok(())
}

#[tokio::test]
async fn spans_that_x_ray_will_not_have_are_counted_by_why() -> Result<()> {
    let (sick, xray) = (Sick::start(Era::Modern).await?, XrayStub::start().await?);
    // Whoever signs with another secret is refused, which shows that the stub looks.
    let (_, key) = CREDENTIALS[0];
    let stranger = [("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", "another")];
    for mode in ["otlp", "segments"] {
        let (url, endpoint) = (sick.url(), xray.url());
        let config = format!(
            "{OPEN}traces: {{ xray: {{ mode: {mode}, rules: false }} }}\n\
             aws: {{ region: eu-central-1, endpoint: \"{endpoint}\" }}\n\
             targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
        );
        let gateway = Gateway::start_with(&config, &stranger).await?;
        call(&gateway.client(), "sick___read", TRACES[0]).await?.result()?;
        counted(&gateway, ("dropped", "http_4xx"), 2.0).await?;
        ensure!(!gateway.stderr().contains("another"), "a secret in {}", gateway.stderr());
    }
    assert!(xray.otlp().is_empty() && xray.documents().is_empty() && !xray.unsigned().is_empty());

    // Without credentials nothing is sent at all.
    let nobody = [("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")];
    let nobody = [nobody[0], nobody[1], CREDENTIALS[2]];
    for traces in [OTLP, SEGMENTS] {
        let gateway = started(&sick, &xray.url(), (OPEN, traces), &nobody).await?;
        call(&gateway.client(), "sick___read", TRACES[0]).await?.result()?;
        counted(&gateway, ("dropped", "credentials"), 2.0).await?;
    }

    // Of what is not processed, the rest goes out again, but not what cannot be read.
    let gateway = before(&sick, &xray.url(), (OPEN, SEGMENTS)).await?;
    xray.leave([(0, "ThrottledException"), (1, "ParseError")]);
    call(&gateway.client(), "sick___read", TRACES[0]).await?.result()?;
    counted(&gateway, ("rejected", "partial"), 1.0).await?;
    counted(&gateway, ("exported", "ok"), 1.0).await?;
    let [document] = &xray.documents()[..] else { panic!("{:?}", xray.documents()) };
    ensure!(segments::one(document)?["name"] == "shop-gateway", "{document}");
    // What stays unprocessed is given up after four attempts.
    for _ in 0..4 {
        xray.leave([(0, "ThrottledException"), (1, "ThrottledException")]);
    }
    call(&gateway.client(), "sick___read", TRACES[1]).await?.result()?;
    counted(&gateway, ("dropped", "throttled"), 2.0).await
}

/// Decisions at the beginning of calls, by what decided.
async fn decided(gateway: &Gateway, source: &str, outcome: &str) -> Result<f64> {
    let labels = [("source", source), ("outcome", outcome)];
    Ok(gateway.metrics().await?.sum("toolgate_sampling_decisions_total", &labels))
}

#[tokio::test]
async fn the_rules_of_x_ray_decide_what_is_recorded() -> Result<()> {
    let (sick, xray) = (Sick::start(Era::Modern).await?, XrayStub::start().await?);
    let tool = json!({ "gen_ai.tool.name": "re?d", "toolgate.target": "sick" });
    let reads = json!({ "Priority": 1, "FixedRate": 1.0, "Attributes": tool });
    xray.rules([rule("Default", json!({})), rule("reads", reads)]);
    let quota = json!({
        "RuleName": "Default", "FixedRate": 0.0, "ReservoirQuota": 1000,
        "ReservoirQuotaTTL": 4_000_000_000_u32, "Interval": 10,
    });
    xray.targets([quota]);
    let traces = "traces: { sample: 0, xray: { mode: segments, service: shop-gateway } }\n";
    let gateway = before(&sick, &xray.url(), (OPEN, traces)).await?;
    until("the rules are known", async || {
        let labels = [("outcome", "ok")];
        let metrics = gateway.metrics().await?;
        let asked = metrics.sum("toolgate_sampling_rule_refreshes_total", &labels);
        Ok((asked == 1.0).then_some(()))
    })
    .await?;
    let client = gateway.client();
    for tool in ["sick___read", "sick___write", "sick___read", "sick___write"] {
        client.tool(tool, json!({})).await?.result()?;
    }
    assert_eq!(decided(&gateway, "rule", "yes").await?, 2.0);
    assert_eq!(decided(&gateway, "rule", "no").await?, 2.0);
    // A caller's own decision goes before them.
    call(&client, "sick___write", TRACES[0]).await?.result()?;
    assert_eq!(decided(&gateway, "parent", "yes").await?, 1.0);
    let spent = until("X-Ray hears what was spent", async || {
        let spent = xray.statistics();
        Ok((spent.len() >= 2).then_some(spent))
    })
    .await?;
    for (name, asked, sampled) in [("reads", 2, 2), ("Default", 2, 0)] {
        let found =
            spent.iter().find(|spent| spent["RuleName"] == name).context("no statistics")?;
        assert_eq!(
            (&found["RequestCount"], &found["SampledCount"]),
            (&json!(asked), &json!(sampled))
        );
        let id = found["ClientID"].as_str().context("no client")?;
        ensure!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    // The quota that came back is spent by what the rule recorded nothing of before.
    until("the quota is in use", async || {
        client.tool("sick___write", json!({})).await?.result()?;
        Ok((decided(&gateway, "rule", "yes").await? > 2.0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn while_x_ray_is_silent_one_call_a_second_and_a_share_are_recorded() -> Result<()> {
    let (sick, moto) = tokio::try_join!(Sick::start(Era::Modern), Emulator::moto())?;
    let traces = "traces: { sample: 0, xray: { mode: segments } }\n";
    // moto has no sampling: it answers 404.
    let gateway = before(&sick, &moto.url(), (OPEN, traces)).await?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    assert_eq!(decided(&gateway, "fallback", "yes").await?, 1.0);
    until("it was asked in vain", async || {
        let metrics = gateway.metrics().await?;
        let labels = [("outcome", "failed")];
        let asked = metrics.sum("toolgate_sampling_rule_refreshes_total", &labels);
        Ok((asked >= 1.0 && gateway.stderr().contains("how to sample")).then_some(()))
    })
    .await
}
