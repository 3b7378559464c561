//! `toolgate dashboards apply` and `toolgate alarms apply`, read back by the AWS SDK.
//!
//! In: an emulator, and a stub where emulators never complain, lose the metric math of alarms, or
//! answer a list of dashboards as no SDK reads it. Out: what is in the account, and what the command
//! said of it.

#![expect(clippy::large_futures, reason = "those of the SDK are, and a test has room")]

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_cloudwatch::types::{AlarmType, ComparisonOperator, Statistic};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::free_address;
use toolgate_tests::process::binary;
use toolgate_tests::stub::CloudWatchStub;

const PAGE_TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:pages";

/// The account behind an endpoint.
struct Account {
    url: String,
    sdk: Client,
}

/// How a command ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

// === impl Account ===

impl Account {
    fn at(url: String) -> Self {
        let [(_, id), (_, secret), _] = CREDENTIALS;
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(id, secret, None, None, "tests"))
            .endpoint_url(&url)
            .http_client(https)
            .build();
        Self { url, sdk: Client::from_conf(config) }
    }

    async fn apply(&self, words: &str) -> Result<Said> {
        let words: Vec<_> = words.split_whitespace().collect();
        said(&[&words[..], &["--region", "us-east-1", "--endpoint", &self.url]].concat()).await
    }

    /// What runs without complaint, and how many lines of it begin so.
    async fn count(&self, words: &str, begin: &str) -> Result<(usize, usize)> {
        let said = self.apply(words).await?;
        ensure!(said.code == Some(0) && said.err.is_empty(), "{words}: {} {}", said.out, said.err);
        let begun = said.out.lines().filter(|line| line.starts_with(begin)).count();
        Ok((begun, said.out.lines().count()))
    }

    async fn body(&self, name: &str) -> Result<Value> {
        let found = self.sdk.get_dashboard().dashboard_name(name).send().await?;
        Ok(serde_json::from_str(&found.dashboard_body.context("a body")?)?)
    }

    async fn put(&self, name: &str, body: &Value) -> Result<()> {
        let body = body.to_string();
        self.sdk.put_dashboard().dashboard_name(name).dashboard_body(body).send().await?;
        Ok(())
    }

    async fn dashboards(&self) -> Result<Vec<String>> {
        let found = self.sdk.list_dashboards().send().await?;
        let entries = found.dashboard_entries.unwrap_or_default().into_iter();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.dashboard_name).collect();
        names.sort();
        Ok(names)
    }

    /// Names of alarms of metrics, and of composites, page by page.
    async fn alarms(&self) -> Result<(Vec<String>, Vec<String>)> {
        let (mut metrics, mut composites, mut next) = (Vec::new(), Vec::new(), None);
        loop {
            let request = self.sdk.describe_alarms().alarm_types(AlarmType::MetricAlarm);
            let request = request.alarm_types(AlarmType::CompositeAlarm).set_next_token(next);
            let page = request.send().await?;
            let found = page.metric_alarms.unwrap_or_default().into_iter();
            metrics.extend(found.filter_map(|alarm| alarm.alarm_name));
            let found = page.composite_alarms.unwrap_or_default().into_iter();
            composites.extend(found.filter_map(|alarm| alarm.alarm_name));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok((metrics, composites));
            }
        }
    }

    async fn strange_alarm(&self, name: &str, says: &str) -> Result<()> {
        self.sdk
            .put_metric_alarm()
            .alarm_name(name)
            .alarm_description(says)
            .namespace("Theirs")
            .metric_name("Theirs")
            .statistic(Statistic::Sum)
            .period(60)
            .evaluation_periods(1)
            .threshold(1.0)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .send()
            .await?;
        Ok(())
    }
}

async fn said(words: &[&str]) -> Result<Said> {
    let mut command = Command::new(binary("toolgate", "toolgate")?);
    let Output { status, stdout, stderr } =
        command.args(words).env_remove("AWS_PROFILE").envs(CREDENTIALS).output().await?;
    Ok(Said {
        code: status.code(),
        out: String::from_utf8(stdout)?,
        err: String::from_utf8(stderr)?,
    })
}

#[tokio::test]
async fn dashboards_applied_twice_change_nothing_and_what_was_changed_by_hand_is_put_back()
-> Result<()> {
    let emulator = Emulator::ministack().await?;
    let account = Account::at(emulator.url());
    // A dry run writes nothing, and says that there is something to do.
    let dry = account.apply("dashboards apply --dry-run").await?;
    assert_eq!((dry.code, dry.out.matches("would create ").count()), (Some(1), 2), "{}", dry.out);
    let there = account.sdk.get_dashboard().dashboard_name("Toolgate").send().await;
    assert!(there.is_err(), "{there:?}");
    assert_eq!(account.count("dashboards apply", "created ").await?, (2, 2));
    let ours = account.body("Toolgate").await?;
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards/cloudwatch/toolgate.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(committed)?)?;
    assert_eq!(ours, committed);
    assert_eq!(account.count("dashboards apply", "unchanged ").await?, (2, 2));
    let mut changed = ours.clone();
    changed["widgets"][1]["properties"]["title"] = "By hand".into();
    account.put("Toolgate", &changed).await?;
    let dry = account.apply("dashboards apply --dry-run").await?;
    assert_eq!(dry.code, Some(1));
    let places = "would update Toolgate: widgets[1].properties.title\n";
    assert!(dry.out.contains(places), "{}", dry.out);
    assert_eq!(account.body("Toolgate").await?, changed, "a dry run");
    assert_eq!(account.count("dashboards apply", "updated Toolgate").await?, (1, 2));
    assert_eq!(account.body("Toolgate").await?, ours);
    // The same with keys in another order is the same.
    let fields = ours.as_object().context("an object")?;
    let turned: Value = fields.iter().rev().map(|(k, v)| (k.clone(), v.clone())).collect();
    account.put("Toolgate", &turned).await?;
    assert_eq!(account.count("dashboards apply", "unchanged ").await?, (2, 2));
    Ok(())
}

#[tokio::test]
async fn pruning_dashboards_removes_those_of_this_prefix_and_mark_only() -> Result<()> {
    let stub = CloudWatchStub::remembering().await?;
    let account = Account::at(stub.url());
    account.count("dashboards apply", "created ").await?;
    account.count("dashboards apply --prefix staging", "created ").await?;
    // One that we once put there; a copy that somebody made of ours; one of somebody else.
    let ours = account.body("staging-Toolgate").await?.to_string();
    let once = ours.replace("staging-Toolgate", "staging-Old");
    account.put("staging-Old", &serde_json::from_str(&once)?).await?;
    account.put("staging-Copy", &serde_json::from_str(&ours)?).await?;
    account.put("staging-Theirs", &json!({"widgets": []})).await?;
    let before = account.dashboards().await?;
    let dry = account.apply("dashboards apply --prefix staging --prune --dry-run").await?;
    assert_eq!((dry.code, account.dashboards().await?), (Some(1), before.clone()), "{}", dry.out);
    assert!(dry.out.contains("would remove staging-Old\n"), "{}", dry.out);
    assert_eq!(account.count("dashboards apply --prefix staging", "removed ").await?, (0, 2));
    // Without a prefix every name begins right, and still nothing of `staging` goes.
    assert_eq!(account.count("dashboards apply --prune", "removed ").await?, (0, 2));
    assert_eq!(account.dashboards().await?, before);
    let pruned = account.count("dashboards apply --prefix staging --prune", "removed ").await?;
    assert_eq!(pruned, (1, 3));
    let after: Vec<_> = before.into_iter().filter(|name| name != "staging-Old").collect();
    assert_eq!(account.dashboards().await?, after);
    Ok(())
}

#[tokio::test]
async fn alarms_applied_twice_change_nothing_and_composites_come_after_their_parts() -> Result<()> {
    let stub = CloudWatchStub::remembering().await?;
    let account = Account::at(stub.url());
    let dry = account.apply("alarms apply --dry-run").await?;
    assert_eq!(dry.code, Some(1), "{}", dry.err);
    assert_eq!(account.alarms().await?, (Vec::new(), Vec::new()));
    let words = format!("alarms apply --page-topic {PAGE_TOPIC}");
    let (created, lines) = account.count(&words, "created ").await?;
    assert_eq!(created, lines);
    let (metrics, composites) = account.alarms().await?;
    assert_eq!(metrics.len() + composites.len(), created);
    assert!(composites.contains(&"Toolgate-ErrorRate".to_owned()), "{composites:?}");
    assert_eq!(account.count(&words, "unchanged ").await?, (created, created));
    let described = account.sdk.describe_alarms().alarm_types(AlarmType::CompositeAlarm);
    let described = described.alarm_names("Toolgate-ErrorRate").send().await?;
    let both = described.composite_alarms().first().context("it is there")?;
    assert_eq!(both.alarm_actions(), [PAGE_TOPIC]);
    let rule = both.alarm_rule().context("a rule")?;
    assert!(rule.contains("ALARM(\"Toolgate-ErrorRateOver5Minutes\")"), "{rule}");
    // Another threshold by hand is put back, and nothing else is touched.
    let name = "Toolgate-HighLatencyP95";
    account.strange_alarm(name, "changed by hand").await?;
    assert_eq!(account.count(&words, &format!("updated {name}: ")).await?, (1, created));
    let described = account.sdk.describe_alarms().alarm_names(name).send().await?;
    let back = described.metric_alarms().first().context("it is there")?;
    assert_eq!((back.threshold(), back.extended_statistic()), (Some(60_000.0), Some("p95")));
    assert_eq!(account.count(&words, "unchanged ").await?, (created, created));
    // Who is told is part of it.
    let (updated, _) = account.count("alarms apply", "updated ").await?;
    assert!((1..created).contains(&updated), "{updated}");
    Ok(())
}

#[tokio::test]
async fn an_emulator_takes_the_alarms_and_what_it_keeps_of_them_is_unchanged() -> Result<()> {
    let emulator = Emulator::ministack().await?;
    let account = Account::at(emulator.url());
    let dry = account.apply("alarms apply --dry-run").await?;
    assert_eq!(dry.code, Some(1), "{}", dry.err);
    assert_eq!(account.alarms().await?, (Vec::new(), Vec::new()));
    let words = format!("alarms apply --page-topic {PAGE_TOPIC}");
    let (created, lines) = account.count(&words, "created ").await?;
    assert_eq!(created, lines);
    let (metrics, composites) = account.alarms().await?;
    assert_eq!(metrics.len() + composites.len(), created);
    assert!(composites.len() >= 3, "{composites:?}");
    // It keeps no metric math, and makes up a statistic and a period instead.
    let lost = ["Metrics[0]", "Metrics[1]", "Metrics[2]", "1 more", "Statistic", "Period"];
    let again = account.apply(&words).await?;
    assert_eq!(again.code, Some(0), "{}", again.err);
    for line in again.out.lines().filter(|line| !line.starts_with("unchanged ")) {
        let (_, places) = line.split_once(": ").with_context(|| line.to_owned())?;
        assert!(places.split(", ").all(|place| lost.contains(&place)), "{line}");
    }
    for name in composites.iter().chain(&["Toolgate-TargetDown".to_owned()]) {
        assert!(again.out.contains(&format!("unchanged {name}\n")), "{name}: {}", again.out);
    }
    Ok(())
}

#[tokio::test]
async fn pruning_alarms_reads_every_page_and_removes_ours_only() -> Result<()> {
    let stub = CloudWatchStub::remembering().await?;
    let account = Account::at(stub.url());
    let (created, _) = account.count("alarms apply --prefix T", "created ").await?;
    // So many of others that ours do not fit on the first page.
    for n in 0..120 {
        account.strange_alarm(&format!("T-A{n:03}"), "Theirs.").await?;
    }
    let first = account.sdk.describe_alarms().max_records(100).send().await?;
    assert!(first.next_token.is_some(), "there are pages");
    let mark = |name: &str, prefix: &str| {
        format!("Old. Put here by `toolgate alarms apply` as {name}, prefix {prefix}.")
    };
    account.strange_alarm("T-Old", &mark("T-Old", "T")).await?;
    account.strange_alarm("T-x-Old", &mark("T-x-Old", "T-x")).await?;
    account.strange_alarm("T-Copy", &mark("T-Old", "T")).await?;
    assert_eq!(account.count("alarms apply --prefix T", "unchanged ").await?, (created, created));
    let (removed, lines) = account.count("alarms apply --prefix T --prune", "removed ").await?;
    assert_eq!((removed, lines), (1, created + 1));
    let (metrics, composites) = account.alarms().await?;
    assert_eq!(metrics.len() + composites.len(), created + 120 + 2);
    assert!(!metrics.contains(&"T-Old".to_owned()));
    Ok(())
}

/// What an account without dashboards says, until something is put there.
fn empty(operation: &str) -> (u16, Value) {
    match operation {
        "GetDashboard" => (404, json!({"__type": "com.amazonaws.cloudwatch#ResourceNotFound"})),
        _ => (200, json!({})),
    }
}

#[tokio::test]
async fn a_validation_message_fails_the_command_though_the_dashboard_was_taken() -> Result<()> {
    let stub = CloudWatchStub::start(|operation, number, _| match (operation, number) {
        ("PutDashboard", 0) => (
            200,
            json!({"DashboardValidationMessages": [{
                "DataPath": "/widgets/1/properties/metrics/0",
                "Message": "Should NOT have fewer\u{1b}[2J than 2 items",
            }]}),
        ),
        _ => empty(operation),
    })
    .await?;
    let account = Account::at(stub.url());
    let said = account.apply("dashboards apply").await?;
    assert_eq!(said.code, Some(9), "{}", said.err);
    assert!(
        said.err.contains("Toolgate: widget 1, \"Failed\": Should NOT have fewer"),
        "{}",
        said.err
    );
    assert!(!said.err.contains('\u{1b}'), "{:?}", said.err);
    assert_eq!(said.out.matches("created ").count(), 2, "the other one goes on: {}", said.out);
    assert_eq!(stub.asked().iter().filter(|asked| *asked == "PutDashboard").count(), 2);
    Ok(())
}

#[tokio::test]
async fn a_dashboard_that_is_not_taken_names_its_widget_too() -> Result<()> {
    let stub = CloudWatchStub::start(|operation, _, _| match operation {
        "PutDashboard" => (
            400,
            json!({
                "__type": "com.amazonaws.cloudwatch#InvalidParameterInput",
                "message": "The field DashboardBody must be valid",
                "dashboardValidationMessages": [
                    {"DataPath": "/widgets/0/properties", "Message": "Should have region"},
                ],
            }),
        ),
        _ => empty(operation),
    })
    .await?;
    let account = Account::at(stub.url());
    let said = account.apply("dashboards apply --output json").await?;
    assert_eq!((said.code, said.err.as_str()), (Some(9), ""), "{}", said.out);
    let document: Value = serde_json::from_str(&said.out)?;
    let first = &document["changes"][0];
    assert_eq!((&first["name"], &first["became"]), (&"Toolgate".into(), &"refused".into()));
    assert_eq!(first["complaints"][0]["widget"], "widget 0, \"Calls\"", "{first}");
    assert_eq!(document["error"]["exit"], 9);
    Ok(())
}

#[tokio::test]
async fn what_is_in_the_way_explains_itself() -> Result<()> {
    let nobody = Account::at(format!("http://{}", free_address()?));
    let said = nobody.apply("alarms apply").await?;
    assert_eq!((said.code, said.out.as_str()), (Some(6), ""));
    assert!(said.err.contains("cannot be reached at http://127.0.0.1:"), "{}", said.err);
    assert!(said.err.contains("check --endpoint, AWS_ENDPOINT_URL"), "{}", said.err);

    let stub = CloudWatchStub::start(|_, _, _| {
        (403, json!({"__type": "com.amazon.coral#AccessDeniedException", "message": "no"}))
    })
    .await?;
    let denied = Account::at(stub.url()).apply("alarms apply").await?;
    assert_eq!(denied.code, Some(4), "{}", denied.err);
    assert!(denied.err.contains("allow `cloudwatch:DescribeAlarms`"), "{}", denied.err);

    let stub = CloudWatchStub::start(|_, _, _| {
        (403, json!({"__type": "InvalidClientTokenId", "message": "The token is invalid."}))
    })
    .await?;
    let unknown = Account::at(stub.url()).apply("dashboards apply").await?;
    assert_eq!(unknown.code, Some(4), "{}", unknown.err);
    assert!(unknown.err.contains("credentials were refused"), "{}", unknown.err);
    Ok(())
}

#[tokio::test]
async fn without_region_or_credentials_the_command_says_what_to_set() -> Result<()> {
    let bare = |words: &'static [&'static str]| async move {
        let mut command = Command::new(binary("toolgate", "toolgate")?);
        command.args(words).env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
        let done = command.env("HOME", "/nonexistent").output().await?;
        anyhow::Ok((done.status.code(), String::from_utf8(done.stderr)?))
    };
    let (code, said) = bare(&["alarms", "apply"]).await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--region us-east-1, or set AWS_REGION"), "{said}");
    let (code, said) = bare(&["alarms", "apply", "--region", "us-east-1"]).await?;
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("set AWS_ACCESS_KEY_ID"), "{said}");
    Ok(())
}
