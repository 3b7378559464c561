//! One connection of the herald.
//!
//! In: requests. Out: good answers; streams that the herald speaks on; a call's log messages.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use http::{Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Era, Heard, State, Stream, at, lock};

type Answered = Response<BoxBody<Bytes, Infallible>>;

const LOG_LEVEL: &str = "/params/_meta/io.modelcontextprotocol~1logLevel";

pub(super) async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(state.serve(request).await) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            drop(connection.await);
        });
    }
}

/// One event of a stream.
pub(super) fn event(message: &Value) -> Bytes {
    format!("event: message\ndata: {message}\n\n").into()
}

impl State {
    async fn serve(&self, request: Request<Incoming>) -> Answered {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return status(400) };
        let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        let named = parts.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let heard = Heard { body, headers: named.collect() };
        lock(&self.heard).push(heard.clone());
        match self.era {
            Era::Modern => self.modern(&heard),
            Era::Legacy => self.legacy(&parts.method, &heard),
        }
    }

    fn modern(&self, heard: &Heard) -> Answered {
        let body = &heard.body;
        match body["method"].as_str().unwrap_or_default() {
            "server/discover" => result(body, self.about()),
            "subscriptions/listen" => self.subscribed(body),
            "tools/call" if !self.fits(heard) => {
                let error = json!({ "code": -32020, "message": "a header is missing" });
                json_body(400, &json!({ "jsonrpc": "2.0", "id": body["id"], "error": error }))
            }
            "tools/call" if at(body, "/params/name") == Some(&"job".into()) => {
                let mut task = lock(&self.task).as_object().cloned().unwrap_or_default();
                task.insert("resultType".to_owned(), "task".into());
                json_body(200, &json!({ "jsonrpc": "2.0", "id": body["id"], "result": task }))
            }
            "tools/call" => called(body, at(body, LOG_LEVEL).is_some()),
            method if method.starts_with("tasks/") => self.task(method, body),
            method => self.listed(method, body),
        }
    }

    fn about(&self) -> Value {
        let tasks = lock(&self.task).is_object();
        let tasks = if tasks { json!({ "io.modelcontextprotocol/tasks": {} }) } else { json!({}) };
        json!({
            "supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "public",
            "capabilities": {
                "tools": { "listChanged": true }, "logging": {}, "extensions": tasks,
                "resources": { "listChanged": true, "subscribe": true },
            },
        })
    }

    /// What is asked of its task.
    fn task(&self, method: &str, body: &Value) -> Answered {
        let task = lock(&self.task).clone();
        if at(body, "/params/taskId") != task.get("taskId") {
            let error = json!({ "code": -32602, "message": "no such task" });
            return json_body(200, &json!({ "jsonrpc": "2.0", "id": body["id"], "error": error }));
        }
        result(body, if method == "tasks/get" { task } else { json!({}) })
    }

    fn legacy(&self, verb: &Method, heard: &Heard) -> Answered {
        let body = &heard.body;
        let method = body["method"].as_str().unwrap_or_default();
        let session = format!("herald-{}", *lock(&self.sessions));
        if method == "initialize" {
            let about = json!({
                "protocolVersion": "2025-11-25", "serverInfo": { "name": "herald", "version": "1" },
                "capabilities": {
                    "tools": { "listChanged": true }, "logging": {},
                    "resources": { "listChanged": true, "subscribe": true },
                },
            });
            let mut answer = result(body, about);
            if let Ok(value) = session.parse() {
                answer.headers_mut().insert("mcp-session-id", value);
            }
            return answer;
        }
        if method == "server/discover" {
            return status(400);
        }
        if heard.header("mcp-session-id") != Some(&session) {
            return status(404);
        }
        match (verb, method) {
            (&Method::GET, _) => self.stream(Value::Null, Value::Null, None),
            (&Method::DELETE, _) => status(204),
            (_, "resources/subscribe" | "resources/unsubscribe" | "logging/setLevel" | "ping") => {
                result(body, json!({}))
            }
            (_, "tools/call") => self.held(body).unwrap_or_else(|| called(body, true)),
            (_, method) if method.starts_with("notifications/") => status(202),
            (_, method) => self.listed(method, body),
        }
    }

    fn listed(&self, method: &str, body: &Value) -> Answered {
        let resource = |uri: &str| json!({ "uri": uri, "name": uri });
        match method {
            "tools/list" => result(body, json!({ "tools": *lock(&self.tools) })),
            "resources/list" => {
                let all = ["herald://a", "herald://b"].map(resource);
                result(body, json!({ "resources": all }))
            }
            "resources/templates/list" => result(body, json!({ "resourceTemplates": [] })),
            _ => {
                let error = json!({ "code": -32601, "message": "no such method" });
                json_body(200, &json!({ "jsonrpc": "2.0", "id": body["id"], "error": error }))
            }
        }
    }

    fn fits(&self, heard: &Heard) -> bool {
        let wanted = lock(&self.wanted);
        let has = |(name, value): &(String, String)| heard.header(name) == Some(value);
        wanted.as_ref().is_none_or(has)
    }

    /// The stream of a call that waits, if calls do.
    fn held(&self, body: &Value) -> Option<Answered> {
        let mut held = lock(&self.held);
        let (say, said) = mpsc::unbounded_channel();
        let _open = say.send(Bytes::from_static(b":\n\n"));
        held.as_mut()?.push((body["id"].clone(), say));
        Some(streamed(said))
    }

    fn subscribed(&self, body: &Value) -> Answered {
        let part = |pointer| at(body, pointer).cloned().unwrap_or_default();
        let (id, filter) = (part("/id"), part("/params/notifications"));
        let acknowledged = json!({
            "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": {
                "notifications": filter, "_meta": { "io.modelcontextprotocol/subscriptionId": id },
            },
        });
        self.stream(id, filter, Some(&acknowledged))
    }

    fn stream(&self, id: Value, filter: Value, first: Option<&Value>) -> Answered {
        let (say, said) = mpsc::unbounded_channel();
        // A comment, so that there is a head at once.
        let _open = say.send(first.map_or_else(|| Bytes::from_static(b":\n\n"), event));
        lock(&self.streams).push(Stream { id, filter, say });
        streamed(said)
    }
}

fn streamed(said: mpsc::UnboundedReceiver<Bytes>) -> Answered {
    let events = unfold(said, |mut said| async { said.recv().await.map(|data| (data, said)) });
    let frames = events.map(|data| Ok(Frame::data(data)));
    let mut answer = Response::new(BoxBody::new(StreamBody::new(frames)));
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static(SSE));
    answer
}

const SSE: &str = "text/event-stream";

/// The result of a call behind log messages of three levels, if there are to be any.
fn called(body: &Value, logs: bool) -> Answered {
    let done = json!({
        "jsonrpc": "2.0", "id": body["id"],
        "result": { "resultType": "complete", "content": [{ "type": "text", "text": "done" }] },
    });
    let levels = ["debug", "info", "error"].into_iter().filter(|_| logs);
    let messages = levels.map(|level| {
        let params = json!({ "level": level, "data": level });
        json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params })
    });
    let text: Vec<u8> =
        messages.chain([done]).flat_map(|message| event(&message).to_vec()).collect();
    let mut answer = Response::new(Full::new(Bytes::from(text)).boxed());
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static(SSE));
    answer
}

fn result(body: &Value, mut result: Value) -> Answered {
    result.as_object_mut().map(|result| result.insert("resultType".to_owned(), "complete".into()));
    json_body(200, &json!({ "jsonrpc": "2.0", "id": body["id"], "result": result }))
}

fn json_body(code: u16, body: &Value) -> Answered {
    let mut answer = status(code);
    *answer.body_mut() = Full::new(Bytes::from(body.to_string())).boxed();
    let kind = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert("content-type", kind);
    answer
}

fn status(code: u16) -> Answered {
    let mut answer = Response::new(Full::new(Bytes::new()).boxed());
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    answer
}
