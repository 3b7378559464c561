//! The contract of AgentCore Runtime: `POST /invocations`, `GET /ping`.
//!
//! In: a question and a session. Out: an answer, whole or as it comes. Never: a turn that goes on
//! after whoever asked has gone; a `time_of_last_update` that moves without a change.

use std::sync::{Arc, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{ACCEPT, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_agent_memory::Session;

use super::problem::Problem;
use super::stream::{Leaving, Stop, events};
use super::{Served, Shared, door};
use crate::event::EndReason;
use crate::ids;
use crate::turn::{Report, Request};
use crate::turns::Running;

/// The session of a request, as the runtime names it.
const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";
/// How long such a session's name is.
const SESSION_LENGTH: std::ops::RangeInclusive<usize> = 33..=256;
/// The id that logs of every part have in common.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// What is asked.
#[derive(Debug, Deserialize)]
pub(super) struct Invocation {
    #[serde(alias = "input", alias = "text", alias = "message")]
    prompt: String,
    #[serde(default, alias = "sessionId")]
    session_id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    stream: bool,
}

pub(super) async fn invocations(
    State(shared): State<Served>,
    headers: HeaderMap,
    body: Result<Json<Invocation>, JsonRejection>,
) -> Result<Response, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let Json(asked) = body.map_err(|rejection| of_body(&rejection))?;
    let streamed = asked.stream || accepts_events(&headers);
    let session = session(&headers, asked.session_id.as_deref())?;
    let about = About {
        headers: &headers,
        session: session.clone(),
        model: asked.model.as_deref(),
        // The contract has no way to ask back.
        asks: false,
    };
    let turn = begin(&shared, actor, asked.prompt, about)?;
    let id = turn.request_id.clone();
    let mut response = if streamed {
        let leaving = Leaving::Stops(Stop(Arc::clone(&turn)));
        events(turn, 0, leaving).into_response()
    } else {
        let stop = Stop(Arc::clone(&turn));
        let report = turn.over().await;
        drop(stop);
        let report = report.ok_or_else(|| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the agent failed; its log says more")
        })?;
        whole(&report).into_response()
    };
    let head = response.headers_mut();
    for (name, value) in [(REQUEST_ID, id.as_str()), (SESSION, session.as_str())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            head.insert(name, value);
        }
    }
    Ok(response)
}

/// What a turn is begun with besides the question.
pub(super) struct About<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) session: Session,
    pub(super) model: Option<&'a str>,
    /// Whether somebody can be asked whether a tool may run.
    pub(super) asks: bool,
}

/// Begins a turn.
pub(super) fn begin(
    shared: &Shared,
    actor: toolgate_agent_memory::Actor,
    text: String,
    about: About<'_>,
) -> Result<Arc<Running>, Problem> {
    if shared.is_draining() {
        return Err(Problem::draining());
    }
    let agent = shared.host.agent();
    if text.trim().is_empty() {
        return Err(Problem::bad("there is no question (`prompt`)"));
    }
    let most = agent.settings().limits.question_bytes;
    if text.len() > most {
        let says = format!("the question is longer than {most} bytes");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, says));
    }
    let chosen = agent.choose(about.model);
    let chosen = chosen.map_err(|unknown| Problem::bad(unknown.to_string()))?;
    let turn = ids::id();
    let traceparent = about.headers.get("traceparent").and_then(|value| value.to_str().ok());
    let request = Request {
        request_id: given_id(about.headers).map_or_else(|| turn.clone(), str::to_owned),
        turn,
        actor,
        session: about.session,
        text,
        model: about.model.map(str::to_owned),
        traceparent: traceparent.map(str::to_owned),
    };
    Ok(shared.turns.begin(agent, request, chosen, about.asks)?)
}

/// An answer in one piece.
fn whole(report: &Report) -> (StatusCode, Json<Value>) {
    let end = &report.end;
    let status = match end.reason {
        EndReason::Answered
        | EndReason::CutOff
        | EndReason::Limit
        | EndReason::Stopped
        | EndReason::Refused => StatusCode::OK,
        EndReason::ModelFailed => StatusCode::BAD_GATEWAY,
        EndReason::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let body = json!({
        "answer": report.answer,
        "sessionId": report.request.session.as_str(),
        "turn": report.request.turn,
        "requestId": report.request.request_id,
        "trace": report.place.trace,
        "end": end,
    });
    (status, Json(body))
}

/// The session: of the header, of the body, or a new one.
pub(super) fn session(headers: &HeaderMap, of_body: Option<&str>) -> Result<Session, Problem> {
    let of_header = headers.get(SESSION).map(|value| value.to_str());
    let of_header = of_header.transpose();
    let of_header = of_header.map_err(|_| Problem::bad("the session's name is no text"))?;
    if of_header.is_some_and(|name| !SESSION_LENGTH.contains(&name.len())) {
        return Err(Problem::bad(format!("`{SESSION}` has 33 to 256 characters")));
    }
    let name = of_header.or(of_body).map_or_else(ids::session, str::to_owned);
    Session::new(&name).map_err(|bad| Problem::bad(format!("the session's name: {bad}")))
}

pub(super) fn of_body(rejection: &JsonRejection) -> Problem {
    let says = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "the body is too large".to_owned(),
        _ => rejection.body_text(),
    };
    let status = match rejection.status() {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        other => other,
    };
    Problem::new(status, says)
}

/// Whether events are wanted rather than one document: the kind that is named first counts.
fn accepts_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match (accept.find("text/event-stream"), accept.find("application/json")) {
        (Some(events), Some(json)) => events < json,
        (events, _) => events.is_some(),
    }
}

/// The id that the caller gave the request, if it can be one.
pub(super) fn given_id(headers: &HeaderMap) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    ((1..=128).contains(&id.len()) && id.bytes().all(plain)).then_some(id)
}

/// `GET /ping`: whether it can be asked, and since when it has been so.
pub(super) async fn ping(State(shared): State<Served>) -> Json<Value> {
    let is_busy = shared.turns.going() > 0;
    let since = {
        let mut status = shared.status.lock().unwrap_or_else(PoisonError::into_inner);
        if status.0 != is_busy {
            *status = (is_busy, SystemTime::now());
        }
        status.1
    };
    let word = if is_busy { "HealthyBusy" } else { "Healthy" };
    let seconds = since.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    std::future::ready(Json(json!({ "status": word, "time_of_last_update": seconds }))).await
}

/// `GET /ready`: every part, and 503 if one is not well that it cannot do without.
pub(super) async fn ready(State(shared): State<Served>) -> Response {
    let ready = shared.host.ready().await;
    let is_ready = ready.ok && !shared.is_draining();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready)).into_response()
}

/// `GET /livez`.
pub(super) async fn alive(State(shared): State<Served>) -> Json<Value> {
    let up = shared.began.elapsed().unwrap_or_default().as_secs();
    std::future::ready(Json(json!({ "status": "ok", "up_seconds": up }))).await
}
