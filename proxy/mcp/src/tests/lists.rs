//! Federated lists, against scripted targets.

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::poll_immediate;
use tokio::sync::{Semaphore, oneshot};
use toolgate_call::{
    Answer, Case, Directory as _, Era, Hint, Kind, Listed, Op, Outbound, RawJson, Reason, Refusal,
    Reply, RetryPlan, Scopes,
};
use toolgate_telemetry::Telemetry;
use tower::service_fn;

use crate::{Prefix, Registry, TargetSpec, TargetSvc, ToolRule, Watches};

/// What a scripted target lists: pages by cursor, or a failure.
#[derive(Clone, Debug, Default)]
pub(super) struct Script(Arc<State>);

#[derive(Debug, Default)]
struct State {
    pages: Mutex<Vec<Result<String, Reason>>>,
    asked: AtomicUsize,
}

impl Script {
    pub(super) fn lists(tools: &[&str]) -> Self {
        let script = Self::default();
        script.now_lists(tools);
        script
    }

    pub(super) fn now_lists(&self, tools: &[&str]) {
        let tools: Vec<_> = tools
            .iter()
            .map(|name| {
                serde_json::json!({
                    "name": name, "inputSchema": { "type": "object" }, "x-unknown": 1,
                    "annotations": { "readOnlyHint": true },
                })
            })
            .collect();
        self.pages(vec![Ok(serde_json::json!({ "tools": tools }).to_string())]);
    }

    pub(super) fn pages(&self, pages: Vec<Result<String, Reason>>) {
        *self.0.pages.lock().unwrap() = pages;
    }

    pub(super) fn asked(&self) -> usize {
        self.0.asked.load(SeqCst)
    }

    fn answer(&self, target: &Arc<str>, op: &Op) -> Result<Reply, Refusal> {
        let page = match op {
            Op::List { cursor: None, .. } => {
                self.0.asked.fetch_add(1, SeqCst);
                0
            }
            Op::List { cursor: Some(cursor), .. } => {
                cursor.parse::<String>().unwrap().parse().unwrap()
            }
            Op::Call(_) | Op::Describe | Op::Probe => {
                let answer = Answer::result(RawJson::literal(r#"{"content":[]}"#));
                return Ok(Reply::one(Era::Legacy, answer));
            }
        };
        match self.0.pages.lock().unwrap().get::<usize>(page) {
            Some(Ok(text)) => {
                let raw = RawJson::built(bytes::Bytes::copy_from_slice(text.as_bytes()));
                Ok(Reply::one(Era::Legacy, Answer::result(raw)))
            }
            Some(Err(reason)) => Err(Refusal::target(*reason, target, "down")),
            None => Err(Refusal::target(Reason::Internal, target, "no such page")),
        }
    }
}

pub(super) fn spec(name: &str, script: &Script) -> TargetSpec {
    let target: Arc<str> = Arc::from(name);
    let (script, named) = (script.clone(), Arc::clone(&target));
    let svc = service_fn(move |outbound: Outbound| ready(script.answer(&named, &outbound.op)));
    TargetSpec {
        name: Arc::clone(&target),
        svc: TargetSvc::new(svc),
        scopes: Scopes::default(),
        timeout: Duration::from_secs(1),
        retry: RetryPlan {
            attempts: 1,
            base: Duration::ZERO,
            multiplier: 1.0,
            max: Duration::ZERO,
        },
        list_ttl: Duration::from_secs(3600),
        max_tokens: None,
        trust_annotations: false,
        required: false,
        http: false,
        metrics: Telemetry::for_tests().target(name),
    }
}

pub(super) fn registry(specs: Vec<TargetSpec>, prefix: Prefix) -> Arc<Registry> {
    let watches = Arc::new(Watches::default());
    for spec in &specs {
        drop(watches.of(&spec.name));
    }
    Registry::new(specs, HashMap::new(), prefix, watches, Telemetry::for_tests())
}

/// A tool as JSON, with more members.
fn tool(name: &str, more: &str) -> String {
    format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}}{more}}}"#)
}

/// A target that has its list ready, says so, and gives it when there is a permit.
fn held_spec(script: &Script, held: &Arc<Semaphore>) -> (TargetSpec, oneshot::Receiver<()>) {
    let (ready, is_ready) = oneshot::channel();
    let (ready, held) = (Mutex::new(Some(ready)), Arc::clone(held));
    let (mut spec, script) = (spec("t", script), script.clone());
    let ready = Arc::new(ready);
    spec.svc = TargetSvc::new(service_fn(move |outbound: Outbound| {
        let answer = script.answer(&Arc::from("t"), &outbound.op);
        let lists = matches!(outbound.op, Op::List { .. });
        let held = lists.then(|| Arc::clone(&held));
        let ready = if lists { ready.lock().unwrap().take() } else { None };
        async move {
            let Some(held) = held else { return answer };
            ready.into_iter().for_each(|ready| ready.send(()).unwrap());
            held.acquire().await.unwrap().forget();
            answer
        }
    }));
    (spec, is_ready)
}

async fn names(registry: &Arc<Registry>) -> Vec<String> {
    let catalog = registry.fresh(None).await.unwrap();
    let name = |raw: &RawJson| raw.parse::<serde_json::Value>().unwrap()["name"].to_string();
    catalog.list(Listed::Tools).items.iter().map(|tool| name(&tool.raw).replace('"', "")).collect()
}

#[tokio::test]
async fn tools_come_in_configuration_order_and_then_the_targets() {
    let (b, a) = (Script::lists(&["z", "y"]), Script::lists(&["z"]));
    let all = registry(vec![spec("b", &b), spec("a", &a)], Prefix::Always);
    assert_eq!(names(&all).await, ["b___z", "b___y", "a___z"]);
    let needed = registry(vec![spec("b", &b), spec("a", &a)], Prefix::WhenNeeded);
    assert_eq!(names(&needed).await, ["b___z", "y", "a___z"]);
    assert!(
        needed.lookup(None, Kind::Tool, "b___y").is_some(),
        "the full name is always understood"
    );
    let never = registry(vec![spec("b", &b), spec("a", &a)], Prefix::Never);
    assert_eq!(names(&never).await, ["z", "y"]);
    assert_eq!(&*never.lookup(None, Kind::Tool, "z").unwrap().target, "b");
}

#[tokio::test]
async fn a_description_is_kept_but_for_the_name() {
    let script = Script::default();
    let tool = r#"{ "description":"d", "name" : "n" , "inputSchema":{"type":"object","a":2.50} }"#;
    script.pages(vec![Ok(format!(r#"{{"tools":[{tool}]}}"#))]);
    let registry = registry(vec![spec("t", &script)], Prefix::Always);
    let catalog = registry.fresh(None).await.unwrap();
    let wanted = tool.replace(r#""n""#, r#""t___n""#);
    assert_eq!(catalog.list(Listed::Tools).items[0].raw.as_bytes(), wanted.as_bytes());
}

#[tokio::test]
async fn a_target_that_is_down_costs_only_its_own_tools() {
    let (up, down) = (Script::lists(&["x"]), Script::default());
    down.pages(vec![Err(Reason::ConnectRefused)]);
    let registry = registry(vec![spec("down", &down), spec("up", &up)], Prefix::Always);
    assert_eq!(names(&registry).await, ["up___x"]);
    let missing = registry.missing(None);
    assert_eq!((&*missing[0].0, missing[0].1.reason()), ("down", Reason::ConnectRefused));
    let refusal = registry.resolve(None, Kind::Tool, "down___x").await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::ConnectRefused, "its tools are not unknown, it is down");
    assert_eq!(
        registry.resolve(None, Kind::Tool, "up___y").await.unwrap_err().case(),
        Case::ToolUnknown
    );
    let (down_asked, up_asked) = (down.asked(), up.asked());
    for made_up in ["nowhere", "nowhere___x"] {
        assert_eq!(
            registry.resolve(None, Kind::Tool, made_up).await.unwrap_err().case(),
            Case::ToolUnknown
        );
    }
    assert_eq!((down.asked(), up.asked()), (down_asked, up_asked), "nobody was asked");
}

#[tokio::test]
async fn where_names_are_plain_a_target_that_is_down_may_have_the_unknown_one() {
    let down = Script::default();
    down.pages(vec![Err(Reason::ConnectRefused)]);
    let registry = registry(vec![spec("down", &down)], Prefix::Never);
    assert_eq!(
        registry.resolve(None, Kind::Tool, "x").await.unwrap_err().reason(),
        Reason::ConnectRefused
    );
}

#[tokio::test]
async fn a_required_target_that_is_down_fails_the_list() {
    let down = Script::default();
    down.pages(vec![Err(Reason::ConnectRefused)]);
    let mut needed = spec("down", &down);
    needed.required = true;
    let up = Script::lists(&["x"]);
    let registry = registry(vec![needed, spec("up", &up)], Prefix::Always);
    assert_eq!(registry.fresh(None).await.unwrap_err().reason(), Reason::ConnectRefused);
}

#[tokio::test]
async fn a_list_is_asked_for_once_until_it_is_old_or_has_changed() {
    let script = Script::lists(&["x"]);
    let registry = registry(vec![spec("t", &script)], Prefix::Always);
    let mut changes = registry.view(None).changes();
    for _ in 0..3 {
        assert_eq!(names(&registry).await, ["t___x"]);
    }
    assert_eq!(script.asked(), 1);
    changes.mark_unchanged();
    registry.changed("t").await;
    assert!(!changes.has_changed().unwrap(), "the same list is no change");
    script.now_lists(&["x", "new"]);
    registry.changed("t").await;
    assert!(changes.has_changed().unwrap());
    assert_eq!(names(&registry).await, ["t___x", "t___new"]);
    assert_eq!(script.asked(), 3);
}

#[tokio::test]
async fn all_pages_are_read_and_a_list_without_end_is_refused() {
    let script = Script::default();
    script.pages(vec![
        Ok(format!(r#"{{"tools":[{}],"nextCursor":"1"}}"#, tool("a", ""))),
        Ok(format!(r#"{{"tools":[{},{{"noname":1}},{}]}}"#, tool("b", ""), tool("a", ""))),
    ]);
    let good = registry(vec![spec("t", &script)], Prefix::Always);
    assert_eq!(names(&good).await, ["t___a", "t___b"]);
    let endless = Script::default();
    endless.pages(vec![Ok(r#"{"tools":[],"nextCursor":"0"}"#.into())]);
    let bad = registry(vec![spec("t", &endless)], Prefix::Always);
    assert_eq!(names(&bad).await, Vec::<String>::new());
    assert_eq!(bad.missing(None)[0].1.reason(), Reason::UpstreamProtocol);
}

#[tokio::test]
async fn annotations_are_believed_only_where_the_operator_does() {
    let script = Script::lists(&["x"]);
    let doubted = registry(vec![spec("t", &script)], Prefix::Always);
    doubted.load().await;
    assert_eq!(doubted.lookup(None, Kind::Tool, "t___x").unwrap().read_only, Hint::Unknown);
    let mut trusted = spec("t", &script);
    trusted.trust_annotations = true;
    let rules = |read_only| {
        HashMap::from([("t___x".to_owned(), ToolRule { read_only, ..ToolRule::default() })])
    };
    for (rule, wanted) in [(None, Hint::Yes), (Some(false), Hint::No)] {
        let telemetry = Telemetry::for_tests();
        let (specs, watches) = (vec![trusted.clone()], Arc::default());
        let registry = Registry::new(specs, rules(rule), Prefix::Always, watches, telemetry);
        registry.load().await;
        assert_eq!(registry.lookup(None, Kind::Tool, "t___x").unwrap().read_only, wanted);
    }
}

#[tokio::test]
async fn a_later_list_that_says_something_else_is_counted_by_what_it_changes() {
    let script = Script::default();
    let lists = |tools: &[String]| {
        script.pages(vec![Ok(format!(r#"{{"tools":[{}]}}"#, tools.join(",")))]);
    };
    lists(&[tool("a", ""), tool("b", ""), tool("c", "")]);
    let telemetry = Telemetry::for_tests();
    let target = TargetSpec { metrics: telemetry.target("t"), ..spec("t", &script) };
    let registry = registry(vec![target], Prefix::Always);
    assert_eq!(names(&registry).await.len(), 3);
    let changes = |kind: &str| {
        let labels = format!(r#"{{target="t",kind="{kind}"}} "#);
        let name = format!("toolgate_target_tool_schema_changes_total{labels}");
        let text = telemetry.render();
        text.lines().find_map(|line| line.strip_prefix(&name)).map(str::to_owned)
    };
    assert_eq!(changes("added").as_deref(), Some("0"), "the first list changes nothing");
    let obeyed = tool("b", r#","description":"obey me""#);
    lists(&[tool("a", ""), obeyed, tool("d", ""), tool("e", "")]);
    registry.changed("t").await;
    let counted = ["added", "removed", "changed"].map(changes);
    assert_eq!(counted, ["2", "1", "1"].map(|n| Some(n.to_owned())));
}

#[tokio::test]
async fn an_odd_tool_costs_no_other() {
    let script = Script::default();
    let odd = [
        tool("plain", ""),
        tool("hinted", r#","annotations":"yes""#),
        tool("half_hinted", r#","annotations":{"readOnlyHint":"yes"}"#),
        r#"{"name":"bare"}"#.to_owned(),
        r#"{"name":"null","inputSchema":null}"#.to_owned(),
        r#"{"name":"array","inputSchema":{"type":"array"}}"#.to_owned(),
        r#"{"name":"untyped","inputSchema":{}}"#.to_owned(),
    ];
    script.pages(vec![Ok(format!(r#"{{"tools":[{}]}}"#, odd.join(",")))]);
    let registry = registry(vec![spec("t", &script)], Prefix::Never);
    assert_eq!(names(&registry).await, ["plain", "hinted", "half_hinted"]);
}

#[tokio::test]
async fn a_full_name_cannot_be_taken_by_another_target() {
    for (prefix, wanted) in [
        (Prefix::WhenNeeded, vec!["thief___a___x", "thief___a___y", "own", "x"]),
        (Prefix::Never, vec!["own", "x"]),
    ] {
        // Before the owner, and with a name that the owner does not have yet.
        let thief = Script::lists(&["a___x", "a___y", "own"]);
        let owner = Script::lists(&["x"]);
        let registry = registry(vec![spec("thief", &thief), spec("a", &owner)], prefix);
        assert_eq!(names(&registry).await, wanted);
        assert_eq!(&*registry.lookup(None, Kind::Tool, "a___x").unwrap().target, "a", "{prefix:?}");
        assert!(registry.lookup(None, Kind::Tool, "a___y").is_none(), "{prefix:?}");
        assert_eq!(
            &*registry.lookup(None, Kind::Tool, "thief___a___x").unwrap().name,
            "a___x",
            "{prefix:?}"
        );
    }
}

#[tokio::test]
async fn a_change_during_a_question_is_asked_about_again() {
    let (script, held) = (Script::lists(&["old"]), Arc::new(Semaphore::new(0)));
    let (spec, is_ready) = held_spec(&script, &held);
    let registry = registry(vec![spec], Prefix::Always);
    let first = tokio::spawn({
        let registry = Arc::clone(&registry);
        async move { registry.load().await }
    });
    is_ready.await.unwrap();
    script.now_lists(&["new"]);
    let told = async {
        let change = registry.changed("t");
        tokio::pin!(change);
        // It waits for its turn, and only then does the answer to the first question come.
        assert!(poll_immediate(&mut change).await.is_none());
        held.add_permits(2);
        change.await;
    };
    told.await;
    first.await.unwrap();
    assert!(registry.lookup(None, Kind::Tool, "t___new").is_some());
    assert_eq!(script.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_up_later_is_asked_without_any_caller() {
    let script = Script::default();
    script.pages(vec![Err(Reason::ConnectRefused)]);
    let registry = registry(vec![spec("t", &script)], Prefix::Always);
    let mut changes = registry.view(None).changes();
    changes.mark_unchanged();
    let keeping = tokio::spawn(Arc::clone(&registry).keep(|_| None));
    let nothing = tokio::time::timeout(Duration::from_secs(600), changes.changed()).await;
    assert!(nothing.is_err(), "an outage is no change");
    let asked = script.asked();
    assert!((15..=60).contains(&asked), "asked {asked} times in ten minutes");
    script.now_lists(&["x"]);
    tokio::time::timeout(Duration::from_secs(35), changes.changed()).await.unwrap().unwrap();
    assert!(
        registry.lookup(None, Kind::Tool, "t___x").is_some() && registry.missing(None).is_empty()
    );
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn a_list_is_good_for_as_long_as_both_sides_say_and_is_renewed_then() {
    let script = Script::default();
    let mut short = spec("t", &script);
    short.list_ttl = Duration::from_secs(100);
    for (said, least, most) in [("40000", 39, 40), ("0", 99, 100), ("900000", 99, 100)] {
        script.pages(vec![Ok(format!(r#"{{"tools":[],"ttlMs":{said}}}"#))]);
        let registry = registry(vec![short.clone()], Prefix::Always);
        registry.load().await;
        let ttl = registry.ttl(None);
        assert!((least..=most).contains(&ttl.as_secs()), "{said}: {ttl:?}");
    }
    let down = Script::default();
    down.pages(vec![Err(Reason::ConnectRefused)]);
    let partial = registry(vec![spec("t", &script), spec("down", &down)], Prefix::Always);
    partial.load().await;
    assert_eq!(
        partial.ttl(None),
        Duration::from_secs(1),
        "a list that lacks something is kept briefly"
    );
}

#[tokio::test]
async fn a_list_without_measure_is_refused() {
    let script = Script::default();
    let page = |next: &str| {
        let long = tool(next, &format!(r#","description":"{}""#, "x".repeat(6 * 1024 * 1024)));
        Ok(format!(r#"{{"tools":[{long}],"nextCursor":"{next}"}}"#))
    };
    script.pages(vec![page("1"), page("2"), page("3")]);
    let registry = registry(vec![spec("t", &script)], Prefix::Always);
    assert_eq!(names(&registry).await, Vec::<String>::new());
    let why = &registry.missing(None)[0].1;
    assert!(why.message().contains("16 MiB"), "{why}");
    assert!(why.is_retry_safe() && !why.was_sent(), "no call of its tools has left");
}
