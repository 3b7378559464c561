//! An agent with a model that waits at a gate or says what a script says, and who may ask it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt as _;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use toolgate_agent_memory::{Actor, Memory};
use toolgate_agent_model::{Ask, Heard, Model, Provider, Script, Thinking, Thought, Usage};
use tower::ServiceExt as _;

use crate::event::EndReason;
use crate::host::{About, Asking, Denied, Host, ModelCard, Part, Ready, SignedIn};
use crate::http::{Options, Shared, router};
use crate::tools::{Answer, Call, Failure, Listed, OnProgress, Tool, Tools};
use crate::turn::{
    Active, Agent, Chosen, Models, Parts, Place, Report, Settings, Step, UnknownModel, Watcher,
};

/// A session's name as AgentCore Runtime makes them.
pub(super) const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

/// An agent, its routes, and the gate that its model waits at.
pub(super) struct House {
    host: Arc<FakeHost>,
    gate: watch::Sender<bool>,
    pub(super) options: Options,
    routes: Option<(Router, Arc<Shared>)>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

// === impl House ===

impl House {
    /// A model that says what this script says.
    pub(super) fn scripted(script: &Value) -> Self {
        let script = Script::parse(&script.to_string()).unwrap();
        Self::of(Arc::new(script), None, watch::Sender::new(true))
    }

    /// A model that waits until the gate is opened.
    pub(super) fn gated() -> Self {
        let gate = watch::Sender::new(false);
        Self::of(Arc::new(Gated(gate.subscribe())), None, gate)
    }

    fn of(
        model: Arc<dyn Model>,
        memory: Option<Arc<dyn Memory>>,
        gate: watch::Sender<bool>,
    ) -> Self {
        let tools = Arc::new(TwoTools::default());
        let agent = Agent::new(Parts {
            models: Arc::new(TwoModels(model)),
            tools: Some(Arc::clone(&tools) as Arc<dyn Tools>),
            memory,
            watcher: Arc::new(Unseen),
            settings: Settings::default(),
        });
        let host = Arc::new(FakeHost { agent: Arc::new(agent), tools, open: true, ok: true });
        Self { host, gate, options: Options::default(), routes: None }
    }

    /// The same, with a memory.
    pub(super) fn remembering(script: &Value, memory: Arc<dyn Memory>) -> Self {
        let script = Script::parse(&script.to_string()).unwrap();
        Self::of(Arc::new(script), Some(memory), watch::Sender::new(true))
    }

    /// Nobody may ask without a token: `ann-token` and `bob-token` are good.
    pub(super) fn closed(mut self) -> Self {
        Arc::get_mut(&mut self.host).unwrap().open = false;
        self
    }

    /// A part that it cannot do without is not well.
    pub(super) fn unwell(mut self) -> Self {
        Arc::get_mut(&mut self.host).unwrap().ok = false;
        self
    }

    pub(super) fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    pub(super) fn host(&self) -> Arc<dyn Host> {
        Arc::clone(&self.host) as _
    }

    pub(super) fn called(&self) -> Vec<String> {
        self.host.tools.called.lock().unwrap().clone()
    }

    /// Everything is remembered that is to be.
    pub(super) async fn drained(&self) {
        self.host.agent.drained().await;
        if let Some((_, shared)) = &self.routes {
            shared.turns.kept().await;
        }
    }

    /// Its routes, as if it listened there.
    pub(super) fn at(&self, at: &str) -> (Router, Arc<Shared>) {
        let at: SocketAddr = at.parse().unwrap();
        let shared = Arc::new(Shared::new(self.host(), &self.options, at));
        (router(&shared, &self.options), shared)
    }

    /// Sends a request; the body of its answer has not been read.
    pub(super) async fn begin(&mut self, request: Request<Body>) -> Response<Body> {
        if self.routes.is_none() {
            self.routes = Some(self.at("127.0.0.1:8080"));
        }
        self.routes.clone().unwrap().0.oneshot(request).await.unwrap()
    }

    /// Waits until no turn goes on.
    pub(super) async fn idle(&self) {
        let mut going = self.routes.as_ref().unwrap().1.turns.watch();
        going.wait_for(|going| *going == 0).await.unwrap();
    }

    /// Sends a request and reads all of its answer.
    pub(super) async fn send(&mut self, request: Request<Body>) -> Answered {
        Answered::of(self.begin(request).await).await
    }

    /// Begins a turn from the page; its id.
    pub(super) async fn turn(&mut self, text: &str) -> String {
        let begun = self.send(post("/api/turns", &json!({ "text": text }))).await;
        assert_eq!(begun.status, 202, "{}", begun.body);
        begun.json()["turn"].as_str().unwrap().to_owned()
    }
}

// === impl Answered ===

impl Answered {
    pub(super) async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { status: head.status, headers: head.headers, body }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// It is a refusal of that status, which says that (RFC 9457).
    #[track_caller]
    pub(super) fn refuses(&self, status: u16, says: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["type"], "about:blank", "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{body}");
    }

    /// The numbers and the data of its events.
    pub(super) fn events(&self) -> Vec<(usize, Value)> {
        assert_eq!(self.header("content-type"), "text/event-stream");
        events(&self.body)
    }
}

/// The numbers and the data of the events of a stream.
pub(super) fn events(text: &str) -> Vec<(usize, Value)> {
    let whole = text.split("\n\n").filter(|part| part.contains("data:"));
    let field = |part: &str, name: &str| {
        let lines = part.lines().filter_map(|line| line.strip_prefix(name));
        lines.map(|rest| rest.trim().to_owned()).collect::<String>()
    };
    let each = whole.map(|part| {
        (field(part, "id:").parse().unwrap(), serde_json::from_str(&field(part, "data:")).unwrap())
    });
    each.collect()
}

/// Reads a stream until an event of that type has come.
pub(super) async fn until(body: &mut axum::body::BodyDataStream, kind: &str) -> Value {
    loop {
        let piece = body.next().await.expect("the stream goes on").unwrap();
        let text = String::from_utf8(piece.to_vec()).unwrap();
        if let Some((_, found)) = events(&text).into_iter().find(|(_, it)| it["type"] == kind) {
            return found;
        }
    }
}

// === Requests ===

fn head(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "127.0.0.1:8080")
}

pub(super) fn get(path: &str) -> Request<Body> {
    head("GET", path).body(Body::empty()).unwrap()
}

pub(super) fn delete(path: &str) -> Request<Body> {
    head("DELETE", path).body(Body::empty()).unwrap()
}

pub(super) fn patch(path: &str, body: &Value) -> Request<Body> {
    let mut request = post(path, body);
    *request.method_mut() = http::Method::PATCH;
    request
}

pub(super) fn post(path: &str, body: &Value) -> Request<Body> {
    let head = head("POST", path).header("content-type", "application/json");
    head.body(body.to_string().into()).unwrap()
}

pub(super) fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

// === Fakes ===

#[derive(Debug)]
struct Gated(watch::Receiver<bool>);

impl Model for Gated {
    fn provider(&self) -> Provider {
        Provider::Scripted
    }

    fn think<'a>(&'a self, _: &'a Ask<'a>, heard: &'a mut dyn Heard) -> Thinking<'a> {
        let mut gate = self.0.clone();
        Box::pin(async move {
            gate.wait_for(|open| *open).await.unwrap();
            heard.text("open");
            Ok(Thought { text: "open".to_owned(), usage: Usage::default(), ..Thought::default() })
        })
    }
}

#[derive(Debug)]
struct TwoModels(Arc<dyn Model>);

impl Models for TwoModels {
    fn choose(&self, key: Option<&str>) -> Result<Chosen, UnknownModel> {
        let key = key.unwrap_or("one");
        let known = ["one", "two"];
        if !known.contains(&key) {
            let known = known.map(str::to_owned).to_vec();
            return Err(UnknownModel { key: key.to_owned(), known });
        }
        let (key, id) = (key.to_owned(), format!("id-of-{key}"));
        Ok(Chosen { key, id, model: Arc::clone(&self.0), max_tokens: None })
    }

    fn cost(&self, _: &str, _: &Usage) -> Option<f64> {
        None
    }
}

/// `clock___now` and `shop___change`, which changes something.
#[derive(Debug, Default)]
struct TwoTools {
    called: Mutex<Vec<String>>,
}

impl Tools for TwoTools {
    fn list(&self) -> crate::tools::Asking<'_, Result<Arc<Listed>, Failure>> {
        let changes = Tool { read_only: false, ..Tool::named("shop___change") };
        let tools = vec![Tool::named("clock___now"), changes];
        let listed = Listed { tools, missing: vec!["k8s".to_owned()], ..Listed::default() };
        Box::pin(async { Ok(Arc::new(listed)) })
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        _: OnProgress<'a>,
    ) -> crate::tools::Asking<'a, Result<Answer, Failure>> {
        self.called.lock().unwrap().push(call.tool.to_owned());
        Box::pin(async { Ok(Answer { text: "fine".to_owned(), ..Answer::default() }) })
    }
}

#[derive(Debug)]
struct Unseen;

impl Watcher for Unseen {
    fn begin(&self, traceparent: Option<&str>) -> Place {
        let trace = traceparent.and_then(|parent| parent.split('-').nth(1));
        let trace = trace.map_or_else(|| "1".repeat(32), str::to_owned);
        Place { trace, span: "2".repeat(16), parent: None, sampled: true }
    }

    fn active(&self) -> Active {
        Box::new(())
    }

    fn listed(&self, _: &[Tool]) {}
    fn step(&self, _: &Step) {}
    fn ended(&self, report: &Report) {
        assert_ne!(report.end.reason, EndReason::Internal);
    }

    fn remembered(&self, _: &Place, _: Duration, _: Option<&str>) {}
    fn lost(&self) {}
}

#[derive(Debug)]
struct FakeHost {
    agent: Arc<Agent>,
    tools: Arc<TwoTools>,
    open: bool,
    ok: bool,
}

impl Host for FakeHost {
    fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    fn models(&self) -> Vec<ModelCard> {
        let card = |key: &str| ModelCard {
            key: key.to_owned(),
            name: key.to_uppercase(),
            id: format!("id-of-{key}"),
            provider: "script",
            default: key == "one",
        };
        ["one", "two"].map(card).to_vec()
    }

    fn authenticate<'a>(&'a self, headers: &'a HeaderMap) -> Asking<'a, Result<Actor, Denied>> {
        Box::pin(async {
            let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let token = said.and_then(|said| said.strip_prefix("Bearer "));
            let token = token.ok_or_else(|| Denied::unauthenticated("a token is wanted"))?;
            self.sign_in(token).await.map(|signed| signed.actor)
        })
    }

    fn sign_in<'a>(&'a self, token: &'a str) -> Asking<'a, Result<SignedIn, Denied>> {
        Box::pin(async move {
            let (name, left) = match token {
                "ann-token" => ("ann", 3600),
                "bob-token" => ("bob", 3600),
                // The gateway took it a moment ago, and it has ended since.
                "old-token" => ("old", 0),
                _ => return Err(Denied::unauthenticated("the gateway does not take this token")),
            };
            let expires = SystemTime::now() + Duration::from_secs(left);
            Ok(SignedIn { actor: Actor::new(name).unwrap(), expires })
        })
    }

    fn open(&self) -> Option<Actor> {
        self.open.then(|| Actor::new("local").unwrap())
    }

    fn ready(&self) -> Asking<'_, Ready> {
        let part = Part { name: "model".into(), ok: self.ok, required: true, says: "x".into() };
        Box::pin(async { Ready { ok: self.ok, parts: vec![part] } })
    }

    fn trace_link(&self, trace: &str) -> Option<String> {
        Some(format!("http://traces.example.com/{trace}"))
    }

    fn examples(&self) -> Vec<String> {
        vec!["What time is it?".to_owned()]
    }

    fn about(&self) -> About {
        About { name: "agent".to_owned(), ..About::default() }
    }
}
