//! What was said.
//!
//! In: an actor, a session, where to go on. Out: events as the seam has them, the newest page first,
//! each page in order of time. Never: an event of another actor or session, whatever the service
//! answers; one past the retention; what is neither said by nor to anybody.

use aws_sdk_bedrockagentcore::types::{self, Content, Conversational, PayloadType};
use toolgate_agent_memory::{Actor, Event, MemoryError, Page, Role, Session};

use super::failure::Deed;
use super::labels::{self, Labels};
use super::names::{actor_id, session_id};
use super::view::{View, cursor, next, time};
use crate::trouble::Trouble;

/// Turns of a page.
const PAGE: i32 = 50;

/// Which part of a list of events.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) actor: String,
    pub(super) session: String,
    pub(super) from: Option<String>,
    pub(super) most: i32,
    /// With what was said.
    pub(super) words: bool,
}

/// The events of a session.
pub(super) async fn events(
    view: &View,
    actor: &Actor,
    session: &Session,
    from: Option<&str>,
) -> Result<Page<Event>, MemoryError> {
    let (actor, session) = (actor_id(actor), session_id(session));
    let part = Part { actor, session, from: cursor(from)?, most: PAGE, words: true };
    let (found, next) = part_of(view, part).await?;
    let recent = found.into_iter().filter(|event| time(event.event_timestamp) >= view.since);
    Ok(Page { entries: recent.flat_map(said).collect(), next })
}

/// A part of a session, in order of time.
pub(super) async fn part_of(
    view: &View,
    part: Part,
) -> Result<(Vec<types::Event>, Option<String>), MemoryError> {
    let request = view
        .client
        .list_events()
        .memory_id(view.id())
        .actor_id(&part.actor)
        .session_id(&part.session)
        .include_payloads(part.words)
        .max_results(part.most)
        .set_next_token(part.from);
    let sent = Box::pin(request.send()).await;
    let answer = sent.map_err(|error| view.failed(&Trouble::of(&error), Deed::Events))?;
    let mut found = answer.events;
    found.retain(|event| event.actor_id == part.actor && event.session_id == part.session);
    // The service gives the newest first.
    found.sort_by(|one, other| place(one).cmp(&place(other)));
    Ok((found, next(answer.next_token)))
}

/// What an event of the service says, in order.
pub(super) fn said(event: types::Event) -> Vec<Event> {
    let labels = labels::read(event.metadata.as_ref());
    let at = time(event.event_timestamp);
    let turn = labels.turn.clone().unwrap_or_else(|| event.event_id.clone());
    let mut all: Vec<Event> = Vec::new();
    for part in event.payload {
        let PayloadType::Conversational(Conversational { content, role, .. }) = part else {
            continue;
        };
        let Some(Content::Text(text)) = content else { continue };
        let role = role_of(&role);
        match all.last_mut() {
            // A long text comes in parts.
            Some(last) if last.role == role => last.text.push_str(&text),
            _ => all.push(one(&labels, &turn, role, text, at)),
        }
    }
    all
}

fn one(labels: &Labels, turn: &str, role: Role, text: String, at: std::time::SystemTime) -> Event {
    let is_answer = role == Role::Assistant;
    let took = labels.took.filter(|_| is_answer);
    Event {
        id: format!("{turn}/{}", word(role)),
        turn: turn.to_owned(),
        role,
        text,
        at: at.checked_add(took.unwrap_or_default()).unwrap_or(at),
        tools: if is_answer { labels.tools.clone() } else { Vec::new() },
        took,
        model: labels.model.clone().filter(|_| is_answer),
    }
}

fn role_of(role: &types::Role) -> Role {
    match role {
        types::Role::User => Role::User,
        types::Role::Assistant => Role::Assistant,
        types::Role::Tool => Role::Tool,
        types::Role::Other | _ => Role::Other,
    }
}

const fn word(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        Role::Other => "other",
    }
}

/// Ids begin with the time at which the service took the event.
fn place(event: &types::Event) -> (i64, u32, &str) {
    let at = &event.event_timestamp;
    (at.secs(), at.subsec_nanos(), &event.event_id)
}
