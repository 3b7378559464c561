//! Which conversations there were.
//!
//! In: an actor, where to go on. Out: a page of sessions, the latest first within the page. Never:
//! a session of another actor; one of which nothing is left.
//!
//! The service knows when a session began, and no more. So the newest turns of each are read, up to
//! a hundred: a session with more of them has the title of the oldest that was read, and counts a
//! hundred turns.

use std::time::SystemTime;

use aws_sdk_bedrockagentcore::types::{self, EventFilterCondition, SessionFilter};
use tokio::task::JoinSet;
use toolgate_agent_memory::{Actor, Event, MemoryError, Page, Role, SessionSummary, Why};

use super::events::{Part, part_of, said};
use super::failure::Deed;
use super::labels;
use super::names::{actor_id, session_of};
use super::view::{View, cursor, next, time};
use crate::trouble::Trouble;

/// Sessions of a page. Each costs a request.
const PAGE: i32 = 10;
/// Turns that are read of each.
const TURNS: i32 = 100;
/// Characters of a title.
const TITLE: usize = 80;

/// The sessions of an actor.
pub(super) async fn sessions(
    view: &View,
    actor: &Actor,
    from: Option<&str>,
) -> Result<Page<SessionSummary>, MemoryError> {
    let actor = actor_id(actor);
    let (found, next) = part(view, &actor, cursor(from)?, PAGE).await?;
    let mut reading = JoinSet::new();
    for session in found {
        reading.spawn(summary(view.clone(), session));
    }
    let mut entries = Vec::new();
    while let Some(read) = reading.join_next().await {
        let read = read.map_err(|_| {
            MemoryError::new(Why::Unavailable, "the list of sessions was not read to its end")
        })?;
        entries.extend(read?);
    }
    entries.sort_by(|one, other| (other.last, &other.session).cmp(&(one.last, &one.session)));
    Ok(Page { entries, next })
}

/// A part of the list, as the service has it.
pub(super) async fn part(
    view: &View,
    actor: &str,
    from: Option<String>,
    most: i32,
) -> Result<(Vec<types::SessionSummary>, Option<String>), MemoryError> {
    let some = SessionFilter::builder().event_filter(EventFilterCondition::HasEvents).build();
    let request = view
        .client
        .list_sessions()
        .memory_id(view.id())
        .actor_id(actor)
        .filter(some)
        .max_results(most)
        .set_next_token(from);
    let sent = Box::pin(request.send()).await;
    let answer = sent.map_err(|error| view.failed(&Trouble::of(&error), Deed::Sessions))?;
    let mut found = answer.session_summaries;
    found.retain(|session| session.actor_id == actor);
    Ok((found, next(answer.next_token)))
}

/// What is told of a session; `None` if nothing is left of it, or its name is not known.
async fn summary(
    view: View,
    session: types::SessionSummary,
) -> Result<Option<SessionSummary>, MemoryError> {
    let types::SessionSummary { session_id: session, actor_id: actor, created_at, .. } = session;
    let named = session_of(&session);
    let part = Part { actor, session, from: None, most: TURNS, words: true };
    let (mut found, _) = part_of(&view, part).await?;
    found.retain(|event| time(event.event_timestamp) >= view.since);
    let turns = found.len() as u64;
    let named = named
        .or_else(|| found.iter().find_map(|event| labels::read(event.metadata.as_ref()).session));
    let all: Vec<Event> = found.into_iter().flat_map(said).collect();
    let (Some(session), Some(first), Some(last)) = (named, all.first(), all.last()) else {
        return Ok(None);
    };
    let asked = all.iter().find(|event| event.role == Role::User);
    let began: SystemTime = time(created_at).min(first.at);
    let title = asked.map(|event| title(&event.text)).unwrap_or_default();
    Ok(Some(SessionSummary { session, title, began, last: last.at, turns }))
}

fn title(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(TITLE).collect()
}
