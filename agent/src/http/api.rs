//! What the page asks about the agent and its turns.
//!
//! In: requests of a verified actor. Out: JSON. Never: anything of another actor.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_agent_memory::Actor;

use super::problem::Problem;
use super::runtime::{About, begin as begin_turn, of_body, session};
use super::stream::{Leaving, events, seen};
use super::{Served, Shared, door};

/// A question of the page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    text: String,
    session: Option<String>,
    model: Option<String>,
}

/// The user's word about a tool.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    step: u32,
    yes: bool,
}

/// Who asks, and whether they have to sign in before they can.
pub(super) async fn whoami(State(shared): State<Served>, headers: HeaderMap) -> Json<Value> {
    let actor = door::actor(&shared, &headers).await.ok();
    let open = shared.host.open().is_some();
    let memory = shared.host.agent().memory();
    Json(json!({
        "actor": actor.as_ref().map(Actor::as_str),
        "open": open,
        "about": if actor.is_some() { json!(shared.host.about()) } else { Value::Null },
        "examples": if actor.is_some() { shared.host.examples() } else { Vec::new() },
        "memory": memory.map(|memory| memory.backend()),
        "archive": memory.is_some_and(|memory| memory.archive().is_some()),
        "trace_url": shared.host.trace_link("{trace}"),
    }))
}

pub(super) async fn models(
    State(shared): State<Served>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    door::actor(&shared, &headers).await?;
    Ok(Json(json!({ "models": shared.host.models() })))
}

/// The tools that there are, by their targets.
pub(super) async fn tools(
    State(shared): State<Served>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    door::actor(&shared, &headers).await?;
    let Some(tools) = shared.host.agent().tools() else {
        return Ok(Json(json!({ "targets": [], "missing": [], "problem": "there is no gateway" })));
    };
    let listed = match tools.list().await {
        Ok(listed) => listed,
        Err(failure) => {
            return Ok(Json(json!({ "targets": [], "missing": [], "problem": failure.message })));
        }
    };
    let mut targets: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for tool in &listed.tools {
        let (target, name) = tool.name.split_once("___").unwrap_or(("", &tool.name));
        targets.entry(target).or_default().push(json!({
            "name": name,
            "full": tool.name,
            "title": tool.title,
            "description": tool.description,
            "read_only": tool.read_only,
        }));
    }
    let targets = targets.into_iter().map(|(name, tools)| json!({ "name": name, "tools": tools }));
    Ok(Json(json!({ "targets": targets.collect::<Vec<_>>(), "missing": listed.missing })))
}

pub(super) async fn begin(
    State(shared): State<Served>,
    headers: HeaderMap,
    body: Result<Json<Question>, JsonRejection>,
) -> Result<Response, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let Json(question) = body.map_err(|rejection| of_body(&rejection))?;
    let session = session(&HeaderMap::new(), question.session.as_deref())?;
    let name = session.to_string();
    let model = question.model.as_deref();
    let about = About { headers: &headers, session, model, asks: true };
    let turn = begin_turn(&shared, actor, question.text, about)?;
    let body = json!({ "turn": turn.id, "session": name });
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

pub(super) async fn turn_events(
    State(shared): State<Served>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let turn = turn(&shared, &headers, &id).await?;
    Ok(events(turn, seen(&headers), Leaving::GoesOn).into_response())
}

pub(super) async fn stop(
    State(shared): State<Served>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    turn(&shared, &headers, &id).await?.stop();
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn approve(
    State(shared): State<Served>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Result<Json<Approval>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let turn = turn(&shared, &headers, &id).await?;
    let Json(Approval { step, yes }) = body.map_err(|rejection| of_body(&rejection))?;
    if turn.answer(step, yes) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(StatusCode::CONFLICT, "nobody asks about this step any more"))
}

async fn turn(
    shared: &Shared,
    headers: &HeaderMap,
    id: &str,
) -> Result<std::sync::Arc<crate::turns::Running>, Problem> {
    let actor = door::actor(shared, headers).await?;
    let found = shared.turns.get(&actor, id);
    found.ok_or_else(|| Problem::not_found("there is no such turn, or it ended a while ago"))
}
