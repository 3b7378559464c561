//! What the page asks about what is kept: sessions, their turns, what is known.
//!
//! In: requests of a verified actor. Out: JSON. Never: anything of another actor, whatever name is
//! asked for; a list longer than a page.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_agent_memory::{
    Actor, Archive, Event, Forget, Memory, Namespace, Page, Record, Role, Session, SessionSummary,
    Title, Words,
};

use super::problem::Problem;
use super::runtime::of_body;
use super::{Served, Shared, door};
use crate::when;

/// What is known, in the order in which it is listed.
const KNOWN: [Namespace; 2] = [Namespace::Preferences, Namespace::Semantic];

/// Where a list goes on, and what it has to have.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Listed {
    from: Option<String>,
    find: Option<String>,
}

/// What is changed of a session.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// `None` calls it by its first question again.
    title: Option<String>,
}

pub(super) async fn sessions(
    State(shared): State<Served>,
    headers: HeaderMap,
    Query(Listed { from, find }): Query<Listed>,
) -> Result<Json<Value>, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let Some(memory) = shared.host.agent().memory() else {
        return Ok(Json(json!({ "sessions": [], "next": null })));
    };
    let page = match find.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None => memory.sessions(&actor, from.as_deref()).await?,
        Some(text) => {
            let words = Words::new(text).map_err(|bad| Problem::bad(format!("`find`: {bad}")))?;
            archive(memory)?.find(&actor, &words, from.as_deref()).await?
        }
    };
    let entries: Vec<_> = page.entries.iter().map(summary).collect();
    Ok(Json(json!({ "sessions": entries, "next": page.next })))
}

pub(super) async fn rename(
    State(shared): State<Served>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Result<Json<Change>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let session = named(&id)?;
    let Json(Change { title }) = body.map_err(|rejection| of_body(&rejection))?;
    let title = title.as_deref().map(Title::new).transpose();
    let title = title.map_err(|bad| Problem::bad(format!("the title: {bad}")))?;
    if archive(memory(&shared)?)?.rename(&actor, &session, title.as_ref()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("there is no such session, or nothing of it is remembered yet"))
}

pub(super) async fn events(
    State(shared): State<Served>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(Listed { from, .. }): Query<Listed>,
) -> Result<Json<Value>, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let session = named(&id)?;
    let Some(memory) = shared.host.agent().memory() else {
        return Ok(Json(json!({ "events": [], "next": null })));
    };
    let page = memory.events(&actor, &session, from.as_deref()).await?;
    let mut told = timelines(memory, (&actor, &session), &page).await;
    let entries = page.entries.iter().map(|event| {
        let timeline = (event.role == Role::Assistant).then(|| told.remove(&event.turn)).flatten();
        json!({
            "turn": event.turn,
            "role": event.role,
            "text": event.text,
            "at": when::instant(event.at),
            "tools": event.tools,
            "ms": event.took.map(|took| took.as_secs_f64() * 1e3),
            "model": event.model,
            "timeline": timeline,
        })
    });
    Ok(Json(json!({ "events": entries.collect::<Vec<_>>(), "next": page.next })))
}

/// What was told of these turns when they ended. History goes without what cannot be read.
async fn timelines(
    memory: &Arc<dyn Memory>,
    (actor, session): (&Actor, &Session),
    page: &Page<Event>,
) -> HashMap<String, Value> {
    let Some(archive) = memory.archive() else { return HashMap::new() };
    let answers = page.entries.iter().filter(|event| event.role == Role::Assistant);
    let turns: Vec<_> = answers.map(|event| event.turn.clone()).collect();
    let kept = archive.timelines(actor, session, &turns).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "timelines cannot be read");
        Vec::new()
    });
    let read =
        kept.into_iter().filter_map(|it| Some((it.turn, serde_json::from_str(&it.told).ok()?)));
    read.collect()
}

/// What is known: preferences first, then facts. At most a page of each is served at a time.
pub(super) async fn records(
    State(shared): State<Served>,
    headers: HeaderMap,
    Query(Listed { from, .. }): Query<Listed>,
) -> Result<Json<Value>, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let memory = memory(&shared)?;
    let (first, mut from) = place(from.as_deref())?;
    let (mut all, mut next) = (Vec::new(), None);
    for namespace in KNOWN.into_iter().skip(first) {
        let page = memory.records(&actor, namespace, from.take()).await?;
        all.extend(page.entries.iter().map(record));
        next = page.next.map(|next| format!("{}.{next}", namespace.as_str()));
        if next.is_some() {
            break;
        }
    }
    Ok(Json(json!({ "records": all, "next": next })))
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

fn summary(it: &SessionSummary) -> Value {
    json!({
        "session": it.session.as_str(),
        "title": it.title,
        "last": when::instant(it.last),
        "turns": it.turns,
    })
}

fn record(record: &Record) -> Value {
    json!({
        "id": record.id,
        "namespace": record.namespace.as_str(),
        "content": record.content,
        "at": when::instant(record.at),
    })
}

/// Which kind of what is known a list goes on with, and where in it.
fn place(from: Option<&str>) -> Result<(usize, Option<&str>), Problem> {
    let Some(from) = from else { return Ok((0, None)) };
    let (kind, from) = from.split_once('.').unwrap_or((from, ""));
    let nth = KNOWN.iter().position(|namespace| namespace.as_str() == kind);
    let nth = nth.ok_or_else(|| Problem::bad("`from` is no place in this list"))?;
    Ok((nth, Some(from)))
}

fn memory(shared: &Shared) -> Result<&Arc<dyn Memory>, Problem> {
    let memory = shared.host.agent().memory();
    memory.ok_or_else(|| Problem::not_found("memory is switched off"))
}

fn archive(memory: &Arc<dyn Memory>) -> Result<&dyn Archive, Problem> {
    memory.archive().ok_or_else(|| {
        let says = format!(
            "this memory ({}) keeps no titles and finds no sessions; `memory/backend: local` does",
            memory.backend()
        );
        Problem::new(StatusCode::NOT_IMPLEMENTED, says)
    })
}

fn named(id: &str) -> Result<Session, Problem> {
    Session::new(id).map_err(|bad| Problem::bad(format!("the session's name: {bad}")))
}
