//! The other end of the pipe, and the calls that go to it.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc;
use toolgate_call::{
    Call, Deadline, Event, Events, Frame, FrameParts, Hint, Kind, Ledger, Listed, Meta, Method, Op,
    Outbound, Plan, Policy, Principal, RawJson, RetryPlan, Scopes, SessionRef, Span, Trace,
    Version,
};
use toolgate_telemetry::Telemetry;

use crate::stdio::{EraChoice, INHERITED, StdioConfig, StdioTarget, TargetNotice, stdio};

/// A child of ours, and a folder of its own.
pub(super) struct Peer {
    pub(super) target: StdioTarget,
    pub(super) folder: PathBuf,
    notices: mpsc::UnboundedReceiver<TargetNotice>,
}

const SCRIPT: &str = include_str!("peer.py");

impl Peer {
    /// The script in one of its modes.
    pub(super) fn start(mode: &str) -> Self {
        Self::with(mode, |_| {})
    }

    /// The same with another configuration.
    pub(super) fn with(mode: &str, change: impl FnOnce(&mut StdioConfig)) -> Self {
        let folder = folder();
        let script = folder.join("peer.py");
        std::fs::write(&script, SCRIPT).unwrap();
        let script = script.to_str().unwrap().to_owned();
        let mut config = StdioConfig {
            target: Arc::from("t"),
            command: vec!["python3".into(), script, mode.into()],
            inherited: INHERITED
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
                .collect(),
            env: Vec::new(),
            cwd: None,
            start_timeout: Duration::from_secs(20),
            hang_patience: Duration::from_secs(20),
            max_line: 1024 * 1024,
            era: EraChoice::Auto,
            watched: tokio::sync::watch::Sender::default().subscribe(),
        };
        change(&mut config);
        let (sink, notices) = mpsc::unbounded_channel();
        let telemetry = Telemetry::for_tests();
        // The test may be over.
        let tell = move |notice| sink.send(notice).unwrap_or_default();
        Self { target: stdio(config, &telemetry, Arc::new(tell)), folder, notices }
    }

    /// Waits until the target tells the gateway this.
    pub(super) async fn told(&mut self, wanted: TargetNotice) {
        while self.notices.recv().await.unwrap() != wanted {}
    }

    pub(super) fn in_flight(&self) -> usize {
        self.target.house.link_now().unwrap().in_flight()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A child that is a line of shell.
pub(super) fn shell(line: &str) -> Peer {
    let command = vec!["sh".into(), "-c".into(), line.into()];
    Peer::with("", |config| config.command = command)
}

fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("toolgate-stdio-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A caller's `tools/call`, of the older era.
pub(super) fn call(tool: &str, arguments: &Value) -> Outbound {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":"theirs","method":"tools/call","params":{{"name":"t___{tool}","arguments":{arguments}}}}}"#
    );
    of_body(tool, body, OLDER)
}

/// The same with line breaks wherever JSON allows them.
pub(super) fn pretty_call(tool: &str, arguments: &Value) -> Outbound {
    let body = format!(
        "{{\r\n  \"jsonrpc\":\"2.0\",\n  \"id\":\"theirs\",\n  \"method\":\"tools/call\",\n  \
         \"params\":{{\n    \"name\":\"t___{tool}\",\n    \"arguments\":{arguments:#}\n  }}\n}}\n"
    );
    of_body(tool, body, OLDER)
}

/// The same with a progress token, which is JSON.
pub(super) fn call_with_token(tool: &str, token: &'static str) -> Outbound {
    let meta = format!(r#"{{"progressToken":{token}}}"#);
    of_body(tool, body_with(tool, &meta), Said { meta: &meta, token: Some(token), ..OLDER })
}

/// A modern caller's call with that `_meta`.
pub(super) fn modern_call(tool: &str, meta: &str) -> Outbound {
    of_body(tool, body_with(tool, meta), Said { meta, version: Version::LATEST, token: None })
}

fn body_with(tool: &str, meta: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"theirs","method":"tools/call","params":{{"name":"t___{tool}","_meta":{meta}}}}}"#
    )
}

/// What a caller says besides the tool and its arguments.
#[derive(Clone, Copy)]
struct Said<'a> {
    version: Version,
    meta: &'a str,
    token: Option<&'static str>,
}

const OLDER: Said<'_> = Said { version: Version::V2025_06_18, meta: "", token: None };

/// A page of the list.
pub(super) fn list(cursor: Option<&'static str>) -> Outbound {
    outbound(Op::List { what: Listed::Tools, cursor: cursor.map(RawJson::literal) })
}

/// Something that the gateway asks.
pub(super) fn outbound(op: Op) -> Outbound {
    let now = Instant::now();
    Outbound {
        op,
        deadline: Deadline::after(now, Duration::from_secs(20)),
        ledger: Arc::new(Ledger::new(now)),
        request_id: Arc::from("r"),
        trace: None,
        abilities: toolgate_call::Abilities::NONE,
        more: None,
    }
}

fn of_body(tool: &str, body: String, said: Said<'_>) -> Outbound {
    let progress_token = said.token.map(RawJson::literal);
    let parts = FrameParts {
        id: span(&body, r#""theirs""#),
        method: span(&body, r#""tools/call""#),
        name: span(&body, &format!(r#""t___{tool}""#)),
        member: span(&body, &format!(r#""t___{tool}""#)),
        meta: (!said.meta.is_empty()).then(|| span(&body, said.meta)).flatten(),
        ..FrameParts::default()
    };
    let mut outbound = outbound(Op::Probe);
    let call = Call {
        method: Method::ToolsCall,
        id: Some(RawJson::literal(r#""theirs""#)),
        name: Some(format!("t___{tool}")),
        kind: Some(Kind::Tool),
        cursor: None,
        version: said.version,
        meta: Meta { progress_token, ..Meta::default() },
        mirrored: Vec::new(),
        frame: Frame::new(Bytes::from(body), parts),
        abilities: toolgate_call::Abilities::NONE,
        hears: true,
        session: SessionRef::None,
        principal: Arc::new(Principal::anonymous()),
        subject: None,
        server: None,
        peer: None,
        request_id: Arc::clone(&outbound.request_id),
        deadline: outbound.deadline,
        ledger: Arc::clone(&outbound.ledger),
        trace: Arc::new(Trace::unrecorded()),
    };
    let permitted = Policy::open().permit(call, Some(Arc::new(plan(tool)))).unwrap();
    outbound.op = Op::Call(Arc::new(permitted));
    outbound
}

fn span(body: &str, part: &str) -> Option<Span> {
    body.find(part).map(|start| Span { start, end: start + part.len() })
}

fn plan(tool: &str) -> Plan {
    let retry =
        RetryPlan { attempts: 1, base: Duration::ZERO, multiplier: 1.0, max: Duration::ZERO };
    Plan {
        kind: Kind::Tool,
        target: Arc::from("t"),
        name: Arc::from(tool),
        full: Arc::from(format!("t___{tool}")),
        server: None,
        scopes: Scopes::default(),
        read_only: Hint::Unknown,
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(20),
        retry,
        concurrency: None,
        quarantined: false,
        definition: None,
    }
}

/// The next thing on a stream.
pub(super) async fn next_event(events: &mut Pin<Box<dyn Events>>) -> Option<Event> {
    std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await
}
