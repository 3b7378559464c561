//! What the gate promises.

mod audit;

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use bytes::Bytes;
use toolgate_call::{
    Answer, Call, Case, Deadline, Directory, Era, Frame, FrameParts, Hint, Kind, Ledger, Meta,
    Method, Permitted, Plan, Policy, Principal, RawJson, Refusal, Reply, Resolving, RetryPlan,
    Server, SessionRef, Trace, Version,
};
use toolgate_telemetry::Telemetry;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{ConcurrencyLayer, Replying, ScopeLayer};

pub(crate) fn call(method: Method, name: Option<&str>, scopes: &[&str]) -> Call {
    let now = Instant::now();
    let mut principal = Principal::anonymous();
    principal.scopes = scopes.iter().copied().collect();
    Call {
        method,
        id: Some(RawJson::literal("1")),
        name: name.map(str::to_owned),
        kind: (method == Method::ToolsCall).then_some(Kind::Tool),
        cursor: None,
        version: Version::LATEST,
        meta: Meta::default(),
        mirrored: Vec::new(),
        frame: Frame::new(Bytes::new(), FrameParts::default()),
        abilities: toolgate_call::Abilities::NONE,
        hears: true,
        session: SessionRef::None,
        principal: Arc::new(principal),
        subject: None,
        server: None,
        peer: None,
        request_id: Arc::from("r"),
        deadline: Deadline::after(now, Duration::from_secs(1)),
        ledger: Arc::new(Ledger::new(now)),
        trace: Arc::new(Trace::unrecorded()),
    }
}

pub(crate) fn plan(name: &str, scopes: &[&str]) -> Arc<Plan> {
    Arc::new(Plan {
        kind: Kind::Tool,
        target: Arc::from("t"),
        name: Arc::from(name),
        full: Arc::from(format!("t___{name}")),
        server: None,
        scopes: scopes.iter().copied().collect(),
        read_only: Hint::Unknown,
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(1),
        retry: RetryPlan {
            attempts: 1,
            base: Duration::ZERO,
            multiplier: 1.0,
            max: Duration::ZERO,
        },
        concurrency: None,
        quarantined: false,
        definition: None,
    })
}

/// Knows `t___open` at once, `t___late` only when asked twice, and nothing else.
#[derive(Debug)]
struct Book;

impl Directory for Book {
    fn lookup(&self, _: Option<&Server>, _: Kind, exposed: &str) -> Option<Arc<Plan>> {
        match exposed {
            "t___open" => Some(plan("open", &[])),
            "t___write" => Some(plan("write", &["k8s/write"])),
            _ => None,
        }
    }

    fn resolve<'a>(&'a self, _: Option<&'a Server>, _: Kind, exposed: &'a str) -> Resolving<'a> {
        let found = match exposed {
            "t___late" => Ok(plan("late", &["k8s/write"])),
            _ => Err(Refusal::new(Case::ToolUnknown, "no such tool")),
        };
        Box::pin(ready(found))
    }

    fn task(&self, call: &Call) -> Result<Arc<Plan>, Refusal> {
        let unknown = || Refusal::new(Case::ParamsInvalid, "no such task");
        let known = call.name.as_deref() == Some("mine");
        known.then(|| plan("write", &["k8s/write"])).ok_or_else(unknown)
    }
}

type Seen = Arc<AtomicUsize>;

fn gate(
    seen: &Seen,
) -> impl Service<Call, Response = Reply, Error = Refusal, Future = Replying> + Clone {
    let seen = Arc::clone(seen);
    let inner = service_fn(move |_: Permitted| -> Replying {
        seen.fetch_add(1, SeqCst);
        let answer = Answer::result(RawJson::literal("{}"));
        Box::pin(ready(Ok(Reply::one(Era::Modern, answer))))
    });
    let scopes = ["gateway/invoke"].into_iter().collect();
    let policy = Arc::new(Policy::scoped(scopes));
    ScopeLayer::new(policy, Arc::new(Book), Telemetry::for_tests()).layer(inner)
}

async fn case(call: Call) -> Result<(), Case> {
    let seen = Seen::default();
    let result = gate(&seen).oneshot(call).await;
    assert_eq!(seen.load(SeqCst), usize::from(result.is_ok()), "passed on exactly if allowed");
    result.map(|_| ()).map_err(|refusal| refusal.case())
}

#[tokio::test]
async fn a_task_needs_the_scopes_of_its_tool_each_time() {
    let get = |name, scopes: &[&str]| {
        let call = call(Method::TasksGet, Some(name), scopes);
        case(Call { kind: Some(Kind::Task), ..call })
    };
    assert_eq!(get("mine", &["gateway/invoke", "k8s/write"]).await, Ok(()));
    assert_eq!(get("mine", &["gateway/invoke"]).await, Err(Case::ScopeMissing));
    assert_eq!(get("mine", &["k8s/write"]).await, Err(Case::ScopeMissing));
    let strange = get("another's", &["gateway/invoke", "k8s/write"]).await;
    assert_eq!(strange, Err(Case::ParamsInvalid));
}

#[tokio::test]
async fn a_caller_without_the_gateways_scope_gets_nowhere() {
    assert_eq!(case(call(Method::ToolsList, None, &[])).await, Err(Case::ScopeMissing));
    let hidden = call(Method::ToolsCall, Some("t___nope"), &[]);
    assert_eq!(case(hidden).await, Err(Case::ScopeMissing), "names are not looked up before");
}

#[tokio::test]
async fn a_tools_own_scopes_are_asked_whether_it_was_known_or_had_to_be_looked_for() {
    let base = ["gateway/invoke"];
    let full = ["gateway/invoke", "k8s/write"];
    for name in ["t___write", "t___late"] {
        let denied = call(Method::ToolsCall, Some(name), &base);
        assert_eq!(case(denied).await, Err(Case::ScopeMissing), "{name}");
        assert_eq!(case(call(Method::ToolsCall, Some(name), &full)).await, Ok(()), "{name}");
    }
    assert_eq!(case(call(Method::ToolsCall, Some("t___open"), &base)).await, Ok(()));
}

#[tokio::test]
async fn a_call_needs_a_name_that_exists() {
    let base = ["gateway/invoke"];
    let nameless = call(Method::ToolsCall, None, &base);
    assert_eq!(case(nameless).await, Err(Case::ParamsInvalid));
    let unknown = call(Method::ToolsCall, Some("t___nope"), &base);
    assert_eq!(case(unknown).await, Err(Case::ToolUnknown));
}

#[tokio::test]
async fn what_is_gone_can_be_let_go_of() {
    let unsubscribe = |scopes: &[&str]| {
        let mut call = call(Method::Unsubscribe, Some("gone://x"), scopes);
        call.kind = Some(Kind::Resources);
        call
    };
    assert_eq!(case(unsubscribe(&["gateway/invoke"])).await, Ok(()));
    assert_eq!(case(unsubscribe(&[])).await, Err(Case::ScopeMissing));
    let mut subscribe = unsubscribe(&["gateway/invoke"]);
    subscribe.method = Method::Subscribe;
    assert_eq!(case(subscribe).await, Err(Case::ToolUnknown), "it was looked for");
}

#[tokio::test]
async fn a_permit_is_held_until_the_reply_is_gone() {
    let seen = Seen::default();
    let inner = service_fn(|_: Permitted| -> Replying {
        let answer = Answer::result(RawJson::literal("{}"));
        Box::pin(ready(Ok(Reply::one(Era::Modern, answer))))
    });
    let limited = ConcurrencyLayer::new(1, 1, Telemetry::for_tests()).layer(inner);
    let policy = Policy::open();
    let permitted = || policy.permit(call(Method::ToolsList, None, &[]), None).unwrap();
    let first = limited.clone().oneshot(permitted()).await.unwrap();
    let second = limited.clone().oneshot(permitted()).await.unwrap_err();
    assert_eq!(second.case(), Case::Overloaded);
    assert!(second.is_retry_safe() && second.wait().is_some());
    drop(first);
    assert!(limited.oneshot(permitted()).await.is_ok());
    drop(seen);
}

#[tokio::test]
async fn what_costs_nothing_passes_at_the_limit_and_streams_have_a_limit_of_their_own() {
    let inner = service_fn(|_: Permitted| -> Replying {
        Box::pin(ready(Ok(Reply::accepted(Era::Legacy))))
    });
    let limited = ConcurrencyLayer::new(1, 2, Telemetry::for_tests()).layer(inner);
    let policy = Policy::open();
    let permitted = |method| policy.permit(call(method, None, &[]), None).unwrap();
    let ask = |method| limited.clone().oneshot(permitted(method));
    let held = ask(Method::ToolsList).await.unwrap();
    assert_eq!(ask(Method::ToolsList).await.unwrap_err().case(), Case::Overloaded);
    for free in [Method::Cancelled, Method::Initialized, Method::EndSession, Method::Ping] {
        assert!(ask(free).await.is_ok(), "{free:?}");
    }
    let streams = [ask(Method::OpenStream).await.unwrap(), ask(Method::Listen).await.unwrap()];
    assert_eq!(ask(Method::Listen).await.unwrap_err().case(), Case::Overloaded);
    let refusal = ask(Method::OpenStream).await.unwrap_err();
    assert_eq!(refusal.case(), Case::Overloaded);
    assert!(refusal.message().contains("2 open streams"), "{}", refusal.message());
    drop(streams);
    assert!(ask(Method::OpenStream).await.is_ok());
    drop(held);
}

/// A directory whose targets never answer.
#[derive(Debug)]
struct Silent;

impl Directory for Silent {
    fn lookup(&self, _: Option<&Server>, _: Kind, _: &str) -> Option<Arc<Plan>> {
        None
    }

    fn resolve<'a>(&'a self, _: Option<&'a Server>, _: Kind, _: &'a str) -> Resolving<'a> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn the_wait_for_a_list_is_the_targets_and_has_a_limit() {
    let inner = service_fn(|_: Permitted| -> Replying {
        Box::pin(ready(Ok(Reply::accepted(Era::Modern))))
    });
    let policy = Arc::new(Policy::open());
    let mut gate = ScopeLayer::new(policy, Arc::new(Silent), Telemetry::for_tests()).layer(inner);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting = Vec::new();
    loop {
        let call = call(Method::ToolsCall, Some("t___x"), &[]);
        let ledger = Arc::clone(&call.ledger);
        let mut replying = gate.call(call);
        match replying.as_mut().poll(&mut cx) {
            std::task::Poll::Pending => assert_eq!(ledger.phase(), toolgate_call::Phase::Wait),
            std::task::Poll::Ready(ended) => {
                assert_eq!(ended.unwrap_err().case(), Case::Overloaded);
                break;
            }
        }
        waiting.push(replying);
    }
    assert_eq!(waiting.len(), 256);
}

#[tokio::test]
async fn routing_is_not_booked_as_a_queue() {
    let inner = service_fn(|permitted: Permitted| -> Replying {
        assert_ne!(permitted.call().ledger.phase(), toolgate_call::Phase::Queue);
        Box::pin(ready(Ok(Reply::accepted(Era::Modern))))
    });
    let limited = ConcurrencyLayer::new(1, 1, Telemetry::for_tests()).layer(inner);
    let permitted = Policy::open().permit(call(Method::ToolsList, None, &[]), None).unwrap();
    limited.oneshot(permitted).await.unwrap();
}
