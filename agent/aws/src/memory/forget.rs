//! What is forgotten.
//!
//! In: an actor and what is to go. Out: how many events and records went. Never: something of
//! another actor, whatever id was given; an end that is called one before all is gone.
//!
//! A record does not tell its session: what was concluded from a session stays until it is forgotten
//! itself, or everything is. The service may still be concluding from a turn when everything is
//! forgotten; such a record comes later, and has to be forgotten again.

use std::future::Future;

use aws_sdk_bedrockagentcore::types::MemoryRecordDeleteInput;
use tokio::task::JoinSet;
use toolgate_agent_memory::{Actor, Forget, MemoryError, Why};

use super::events::{Part, part_of};
use super::failure::Deed;
use super::names::{actor_id, session_id};
use super::records::{self, is_of};
use super::sessions;
use super::view::View;
use crate::trouble::{Kind, Trouble};

/// Entries of a part of a list.
const PART: i32 = 100;
/// Parts of a list that are read at most.
const PARTS: usize = 200;
/// Events that are deleted at the same time.
const AT_ONCE: usize = 8;
/// Records that one request deletes at most.
const BATCH: usize = 100;

/// Forgets.
pub(super) async fn forget(view: &View, actor: &Actor, what: &Forget) -> Result<u64, MemoryError> {
    let actor = actor_id(actor);
    match what {
        Forget::Session(session) => drop_session(view, &actor, &session_id(session)).await,
        Forget::Record(id) => drop_record(view, &actor, id).await,
        Forget::Everything => {
            let sessions = all(|from| sessions::part(view, &actor, from, PART)).await?;
            let mut gone = 0;
            for session in sessions {
                gone += drop_session(view, &actor, &session.session_id).await?;
            }
            for (_, path) in view.resource.paths(&actor) {
                gone += drop_records(view, &path).await?;
            }
            Ok(gone)
        }
    }
}

async fn drop_session(view: &View, actor: &str, session: &str) -> Result<u64, MemoryError> {
    let part = |from| {
        let (actor, session) = (actor.to_owned(), session.to_owned());
        part_of(view, Part { actor, session, from, most: PART, words: false })
    };
    let mut gone = 0;
    for some in all(part).await?.chunks(AT_ONCE) {
        let mut deleting = JoinSet::new();
        for event in some {
            let ids = (actor.to_owned(), session.to_owned(), event.event_id.clone());
            deleting.spawn(drop_event(view.clone(), ids));
        }
        while let Some(deleted) = deleting.join_next().await {
            let deleted = deleted.map_err(|_| {
                MemoryError::new(Why::Unavailable, "the session was not deleted to its end")
            })?;
            gone += deleted?;
        }
    }
    Ok(gone)
}

async fn drop_event(
    view: View,
    (actor, session, event): (String, String, String),
) -> Result<u64, MemoryError> {
    let request = view.client.delete_event().memory_id(view.id());
    let request = request.actor_id(actor).session_id(session).event_id(event);
    match Box::pin(request.send()).await {
        Ok(_) => Ok(1),
        Err(error) => one_less(&view, &Trouble::of(&error), Deed::DropEvent),
    }
}

/// Deletes a record, if it is one of the actor's.
async fn drop_record(view: &View, actor: &str, id: &str) -> Result<u64, MemoryError> {
    let odd = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'_';
    if id.is_empty() || id.len() > 64 || id.bytes().any(odd) {
        return Ok(0);
    }
    let request = view.client.get_memory_record().memory_id(view.id()).memory_record_id(id);
    let found = match Box::pin(request.send()).await {
        Ok(answer) => answer.memory_record,
        Err(error) => return one_less(view, &Trouble::of(&error), Deed::Record),
    };
    let paths = view.resource.paths(actor);
    let own = found
        .and_then(|record| paths.into_iter().find(|(_, path)| is_of(&record.namespaces, path)));
    let Some((_, path)) = own else { return Ok(0) };
    let request = view.client.delete_memory_record().memory_id(view.id());
    match Box::pin(request.memory_record_id(id).namespace(path).send()).await {
        Ok(_) => Ok(1),
        Err(error) => one_less(view, &Trouble::of(&error), Deed::DropRecord),
    }
}

async fn drop_records(view: &View, path: &str) -> Result<u64, MemoryError> {
    let mut gone = 0;
    for some in all(|from| records::part(view, path, from, PART)).await?.chunks(BATCH) {
        let each = some.iter().map(|record| {
            let input = MemoryRecordDeleteInput::builder();
            input.memory_record_id(&record.memory_record_id).namespace(path).build()
        });
        let each: Result<Vec<_>, _> = each.collect();
        let each = each.map_err(|_| MemoryError::new(Why::Corrupt, "a record has no id"))?;
        let request = view.client.batch_delete_memory_records().memory_id(view.id());
        let sent = Box::pin(request.set_records(Some(each)).send()).await;
        let answer = sent.map_err(|error| view.failed(&Trouble::of(&error), Deed::DropRecords))?;
        gone += answer.successful_records.len() as u64;
        // The answer is a good one even if none of them went.
        let left = answer.failed_records.len();
        if left > 0 {
            let says = format!("{left} records could not be deleted, {gone} are gone; ask again");
            return Err(MemoryError::new(Why::Unavailable, says));
        }
    }
    Ok(gone)
}

/// Somebody else has deleted it.
fn one_less(view: &View, trouble: &Trouble, deed: Deed) -> Result<u64, MemoryError> {
    if trouble.kind == Kind::NotFound { Ok(0) } else { Err(view.failed(trouble, deed)) }
}

/// A whole list, read before anything of it is deleted: a cursor need not outlive what it points at.
async fn all<T, F>(part: impl Fn(Option<String>) -> F) -> Result<Vec<T>, MemoryError>
where
    F: Future<Output = Result<(Vec<T>, Option<String>), MemoryError>>,
{
    let mut all = Vec::new();
    let mut from = None;
    for _ in 0..PARTS {
        let (some, next) = part(from).await?;
        all.extend(some);
        from = next;
        if from.is_none() {
            return Ok(all);
        }
    }
    Err(MemoryError::new(Why::Full, "there is more than can be forgotten at once"))
}
