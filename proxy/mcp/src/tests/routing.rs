//! Which way a call goes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Notify;
use toolgate_call::{
    Answer, Body, Call, Case, Deadline, Directory as _, Era, Event, Events, Frame, FrameParts,
    Kind, Ledger, Meta, Method, Op, Outbound, Policy, Principal, RawJson, Refusal, Reply,
    SessionRef, Trace, Version,
};
use toolgate_telemetry::Telemetry;
use tower::{ServiceExt as _, service_fn};

use super::lists::{Script, registry, spec};
use crate::{McpConfig, Prefix, Registry, Router, SessionConfig, Sessions, TargetSpec, TargetSvc};

struct Rig {
    router: Router,
    registry: Arc<Registry>,
    script: Script,
}

/// A stream that says one thing and then nothing more, and tells when it is dropped.
struct Endless(bool, Arc<Notify>);

impl Events for Endless {
    fn poll_event(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Event>> {
        let first = std::mem::replace(&mut self.0, false);
        let notice = || Event::Notice(RawJson::literal(r#"{"method":"notifications/progress"}"#));
        if first { Poll::Ready(Some(notice())) } else { Poll::Pending }
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.1.notify_one();
    }
}

/// A target whose calls are answered by such streams.
fn streaming_spec(name: &str, dropped: &Arc<Notify>) -> TargetSpec {
    let script = Script::lists(&["x"]);
    let (mut spec, dropped) = (spec(name, &script), Arc::clone(dropped));
    let lists = spec.svc.clone();
    spec.svc = TargetSvc::new(service_fn(move |outbound: Outbound| {
        let (lists, dropped) = (lists.clone(), Arc::clone(&dropped));
        async move {
            match &outbound.op {
                Op::Call(_) => Ok(Reply::stream(Era::Legacy, Box::pin(Endless(true, dropped)))),
                Op::List { .. } | Op::Describe | Op::Probe => lists.oneshot(outbound).await,
            }
        }
    }));
    spec
}

impl Rig {
    async fn new() -> Self {
        let script = Script::lists(&["x", "y", "z"]);
        Self::over(spec("t", &script), script).await
    }

    async fn with(spec: TargetSpec) -> Self {
        Self::over(spec, Script::default()).await
    }

    async fn over(spec: TargetSpec, script: Script) -> Self {
        let registry = registry(vec![spec], Prefix::Always);
        registry.load().await;
        Self { router: router_over(&registry), registry, script }
    }

    async fn send(&self, call: Call) -> Result<Reply, Refusal> {
        let tool =
            call.name.as_deref().and_then(|name| self.registry.lookup(None, Kind::Tool, name));
        let permitted = Policy::open().permit(call, tool).unwrap();
        self.router.clone().oneshot(permitted).await
    }

    async fn result(&self, call: Call) -> Value {
        value(self.send(call).await.unwrap())
    }

    async fn changes_to(&self, tool: &str) {
        self.script.now_lists(&[tool]);
        self.registry.changed("t").await;
    }

    async fn stream(&self, session: &str) -> Pin<Box<dyn Events>> {
        let mut open = call(Method::OpenStream, Version::V2025_06_18);
        open.session = SessionRef::Claimed(session.to_owned());
        let Body::Stream(events) = self.send(open).await.unwrap().body else { panic!("no stream") };
        events
    }

    async fn session(&self) -> String {
        let mut hello = call(Method::Initialize, Version::V2025_06_18);
        hello.session = SessionRef::Wanted(Version::V2025_06_18);
        self.send(hello).await.unwrap().session.unwrap().to_string()
    }
}

pub(super) fn router_over(registry: &Arc<Registry>) -> Router {
    let config = McpConfig {
        name: "toolgate".into(),
        version: "1".into(),
        instructions: Some("read \"this\"".into()),
        page: 2,
    };
    let sessions = SessionConfig { key: vec![1], lifetime: Duration::from_secs(60) };
    Router::new(
        config,
        Arc::clone(registry),
        Arc::new(Policy::open()),
        Sessions::new(&sessions).unwrap(),
        Telemetry::for_tests(),
    )
}

pub(super) fn call(method: Method, version: Version) -> Call {
    let now = Instant::now();
    Call {
        method,
        id: Some(RawJson::literal("1")),
        name: None,
        kind: (method == Method::ToolsCall).then_some(Kind::Tool),
        cursor: None,
        version,
        meta: Meta::default(),
        mirrored: Vec::new(),
        frame: Frame::new(Bytes::new(), FrameParts::default()),
        abilities: toolgate_call::Abilities::NONE,
        hears: true,
        session: SessionRef::None,
        principal: Arc::new(Principal::anonymous()),
        subject: None,
        server: None,
        peer: None,
        request_id: Arc::from("r"),
        deadline: Deadline::after(now, Duration::from_secs(1)),
        ledger: Arc::new(Ledger::new(now)),
        trace: Arc::new(Trace::unrecorded()),
    }
}

/// The method of what a stream says by now.
fn announced(events: &mut Pin<Box<dyn Events>>) -> Option<String> {
    let event = match events.as_mut().poll_event(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => event.expect("the stream has ended"),
        Poll::Pending => return None,
    };
    let Event::Notice(raw) = event else { panic!("{event:?}") };
    raw.parse::<Value>().unwrap()["method"].as_str().map(str::to_owned)
}

pub(super) fn value(reply: Reply) -> Value {
    let Body::One(Answer::Result { raw, .. }) = reply.body else { panic!("not one result") };
    raw.parse().unwrap()
}

#[tokio::test]
async fn discover_says_what_is_there() {
    let rig = Rig::new().await;
    let result = rig.result(call(Method::Discover, Version::LATEST)).await;
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["supportedVersions"][3], "2026-07-28");
    assert_eq!(result["instructions"], "read \"this\"");
    assert!(result["ttlMs"].is_u64() && result["cacheScope"] == "private");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "toolgate");
}

#[tokio::test]
async fn a_list_goes_page_by_page_and_ends() {
    let rig = Rig::new().await;
    let first = rig.result(call(Method::ToolsList, Version::LATEST)).await;
    assert_eq!(first["tools"].as_array().unwrap().len(), 2);
    let mut more = call(Method::ToolsList, Version::LATEST);
    more.cursor = first["nextCursor"].as_str().map(str::to_owned);
    let second = rig.result(more.clone()).await;
    assert_eq!(second["tools"][0]["name"], "t___z");
    assert_eq!(second.get("nextCursor"), None);
    for bad in ["", "x", "AAAA"] {
        let mut wrong = call(Method::ToolsList, Version::LATEST);
        wrong.cursor = Some(bad.into());
        assert_eq!(rig.send(wrong).await.unwrap_err().case(), Case::ParamsInvalid, "{bad}");
    }
    rig.script.now_lists(&["other"]);
    rig.registry.changed("t").await;
    assert_eq!(rig.send(more).await.unwrap_err().case(), Case::ParamsInvalid, "an old cursor");
}

#[tokio::test]
async fn each_era_gets_the_members_it_knows() {
    let rig = Rig::new().await;
    let mut list = call(Method::ToolsList, Version::V2025_06_18);
    list.session = SessionRef::Claimed(rig.session().await);
    let legacy = rig.result(list).await;
    assert_eq!(legacy.get("resultType"), None);
    assert_eq!(legacy.get("ttlMs"), None);
    let mut modern = call(Method::ToolsCall, Version::LATEST);
    modern.name = Some("t___x".into());
    assert_eq!(
        rig.result(modern).await["resultType"],
        "complete",
        "the target is of the older era"
    );
}

#[tokio::test]
async fn an_older_caller_is_shown_no_schema_that_its_era_does_not_have() {
    let script = Script::default();
    let odd = r#"{"name":"x","outputSchema":{"type":"array"},"inputSchema":{"type":"object"}}"#;
    let even = r#"{"name":"y","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}}"#;
    script.pages(vec![Ok(format!(r#"{{"tools":[{odd},{even}]}}"#))]);
    let rig = Rig::with(spec("t", &script)).await;
    let mut list = call(Method::ToolsList, Version::V2025_06_18);
    list.session = SessionRef::Claimed(rig.session().await);
    let legacy = rig.result(list).await;
    assert_eq!(legacy["tools"][0].get("outputSchema"), None);
    assert_eq!(legacy["tools"][0]["inputSchema"]["type"], "object");
    assert_eq!(legacy["tools"][1]["outputSchema"]["type"], "object");
    let modern = rig.result(call(Method::ToolsList, Version::LATEST)).await;
    assert_eq!(modern["tools"][0]["outputSchema"]["type"], "array");
}

#[tokio::test]
async fn the_older_era_needs_a_session_for_everything_but_the_handshake() {
    let rig = Rig::new().await;
    for method in [Method::ToolsList, Method::Ping, Method::OpenStream, Method::EndSession] {
        let without = call(method, Version::V2025_11_25);
        assert_eq!(rig.send(without).await.unwrap_err().case(), Case::SessionMissing);
        let mut forged = call(method, Version::V2025_11_25);
        forged.session = SessionRef::Claimed("made-up".into());
        assert_eq!(rig.send(forged).await.unwrap_err().case(), Case::SessionUnknown);
    }
    let id = rig.session().await;
    let on = |method| {
        let mut call = call(method, Version::V2025_11_25);
        call.session = SessionRef::Claimed(id.clone());
        call
    };
    assert_eq!(rig.result(on(Method::Ping)).await, serde_json::json!({}));
    assert!(rig.send(on(Method::EndSession)).await.is_ok());
    assert_eq!(rig.send(on(Method::Ping)).await.unwrap_err().case(), Case::SessionUnknown);
}

#[tokio::test]
async fn methods_of_the_other_era_and_unknown_ones_do_not_exist() {
    let rig = Rig::new().await;
    for method in [Method::Ping, Method::Initialize, Method::SetLevel, Method::Other] {
        let refused = rig.send(call(method, Version::LATEST)).await.unwrap_err();
        assert_eq!(refused.case(), Case::MethodUnknown, "{method:?}");
    }
}

#[tokio::test]
async fn a_session_hears_that_the_tools_have_changed() {
    let rig = Rig::new().await;
    let mut events = rig.stream(&rig.session().await).await;
    assert_eq!(announced(&mut events), None, "nothing has changed since the session was made");
    rig.changes_to("new").await;
    assert_eq!(announced(&mut events).as_deref(), Some("notifications/tools/list_changed"));
    assert_eq!(announced(&mut events), None, "one change, one announcement");
}

#[tokio::test]
async fn a_stream_begins_with_a_change_that_the_session_may_have_missed() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    rig.changes_to("new").await;
    for reopened in [false, true] {
        let mut events = rig.stream(&session).await;
        let first = announced(&mut events);
        assert_eq!(first.as_deref(), Some("notifications/tools/list_changed"), "{reopened}");
        assert_eq!(announced(&mut events), None, "once");
    }
    let mut later = rig.stream(&rig.session().await).await;
    assert_eq!(announced(&mut later), None, "a later session begins with the new tools");
    rig.changes_to("newer").await;
    assert!(announced(&mut later).is_some());
}

#[tokio::test]
async fn a_call_whose_answer_streams_can_be_cancelled_by_its_session() {
    let streaming = Arc::new(Notify::new());
    let rig = Rig::with(streaming_spec("t", &streaming)).await;
    let session = rig.session().await;
    let on = |method| {
        let mut call = call(method, Version::V2025_11_25);
        call.session = SessionRef::Claimed(session.clone());
        call
    };
    let mut calling = on(Method::ToolsCall);
    calling.name = Some("t___x".into());
    let Body::Stream(mut events) = rig.send(calling).await.unwrap().body else {
        panic!("no stream")
    };
    assert!(announced(&mut events).is_some() && announced(&mut events).is_none());
    let mut cancel = on(Method::Cancelled);
    cancel.id = None;
    let body = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    cancel.frame = Frame::new(Bytes::from_static(body.as_bytes()), FrameParts::default());
    rig.send(cancel).await.unwrap();
    let event = std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await;
    let Some(Event::Done(Err(refusal))) = event else { panic!("{event:?}") };
    assert_eq!(refusal.case(), Case::Cancelled);
    // The stream of the target was dropped, which tells it.
    streaming.notified().await;
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let rig = Rig::new().await;
    let mut open = call(Method::OpenStream, Version::V2025_06_18);
    open.session = SessionRef::Claimed(rig.session().await);
    open.principal = Arc::new(Principal { expires: Some(1), ..Principal::anonymous() });
    let Body::Stream(mut events) = rig.send(open).await.unwrap().body else { panic!("no stream") };
    assert!(std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await.is_none());
}
