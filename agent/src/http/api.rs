//! What the page asks.
//!
//! In: requests of a verified actor. Out: JSON. Never: anything of another actor.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_agent_memory::{Actor, Forget, Memory, Namespace, Session};

use super::problem::Problem;
use super::runtime::{About, begin as begin_turn, of_body, session};
use super::stream::{Leaving, events, seen};
use super::{Served, Shared, door};
use crate::when;

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct From {
    from: Option<String>,
}

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
    let memory = shared.host.agent().memory().map(|memory| memory.backend());
    Json(json!({
        "actor": actor.as_ref().map(Actor::as_str),
        "open": open,
        "about": if actor.is_some() { json!(shared.host.about()) } else { Value::Null },
        "examples": if actor.is_some() { shared.host.examples() } else { Vec::new() },
        "memory": memory,
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

pub(super) async fn sessions(
    State(shared): State<Served>,
    headers: HeaderMap,
    Query(From { from }): Query<From>,
) -> Result<Json<Value>, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let Some(memory) = shared.host.agent().memory() else {
        return Ok(Json(json!({ "sessions": [], "next": null })));
    };
    let page = memory.sessions(&actor, from.as_deref()).await?;
    let entries = page.entries.iter().map(|it| {
        json!({
            "session": it.session.as_str(),
            "title": it.title,
            "last": when::instant(it.last),
            "turns": it.turns,
        })
    });
    Ok(Json(json!({ "sessions": entries.collect::<Vec<_>>(), "next": page.next })))
}

pub(super) async fn session_events(
    State(shared): State<Served>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(From { from }): Query<From>,
) -> Result<Json<Value>, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let session = named(&id)?;
    let Some(memory) = shared.host.agent().memory() else {
        return Ok(Json(json!({ "events": [], "next": null })));
    };
    let page = memory.events(&actor, &session, from.as_deref()).await?;
    let entries = page.entries.iter().map(|event| {
        json!({
            "turn": event.turn,
            "role": event.role,
            "text": event.text,
            "at": when::instant(event.at),
            "tools": event.tools,
            "ms": event.took.map(|took| took.as_secs_f64() * 1e3),
            "model": event.model,
        })
    });
    Ok(Json(json!({ "events": entries.collect::<Vec<_>>(), "next": page.next })))
}

pub(super) async fn records(
    State(shared): State<Served>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let memory = memory(&shared)?;
    let mut all = Vec::new();
    for namespace in [Namespace::Preferences, Namespace::Semantic] {
        let page = memory.records(&actor, namespace, None).await?;
        all.extend(page.entries.iter().map(|record| {
            json!({
                "id": record.id,
                "namespace": record.namespace.as_str(),
                "content": record.content,
                "at": when::instant(record.at),
            })
        }));
    }
    Ok(Json(json!({ "records": all })))
}

pub(super) async fn forget_session(
    State(shared): State<Served>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let session = named(&id)?;
    forget(&shared, &headers, &Forget::Session(session)).await
}

pub(super) async fn forget_record(
    State(shared): State<Served>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    forget(&shared, &headers, &Forget::Record(id)).await
}

pub(super) async fn forget_everything(
    State(shared): State<Served>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    forget(&shared, &headers, &Forget::Everything).await
}

async fn forget(
    shared: &Shared,
    headers: &HeaderMap,
    what: &Forget,
) -> Result<Json<Value>, Problem> {
    let actor = door::actor(shared, headers).await?;
    let count = memory(shared)?.forget(&actor, what).await?;
    Ok(Json(json!({ "forgotten": count })))
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

fn memory(shared: &Shared) -> Result<&std::sync::Arc<dyn Memory>, Problem> {
    let memory = shared.host.agent().memory();
    memory.ok_or_else(|| Problem::not_found("memory is switched off"))
}

fn named(id: &str) -> Result<Session, Problem> {
    Session::new(id).map_err(|bad| Problem::bad(format!("the session's name: {bad}")))
}
