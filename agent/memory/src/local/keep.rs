//! What is written, as statements.
//!
//! In: turns, what was concluded from them, what is to be forgotten. Out: rows. Never: a word of
//! anybody in a statement: all of them are bound; a row of another actor.

use std::collections::HashMap;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::time::{length, millis};
use super::{archive, vector};
use crate::{Forget, Namespace, Turn};

/// What may be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Milliseconds.
    pub(super) retention: i64,
    /// Events of an actor.
    pub(super) events: i64,
    /// Records of an actor.
    pub(super) records: i64,
}

/// What had to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Events past the retention.
    pub expired_events: u64,
    /// Records past the retention.
    pub expired_records: u64,
    /// Events above an actor's limit.
    pub evicted_events: u64,
    /// Records above an actor's limit.
    pub evicted_records: u64,
}

/// What was concluded from a turn.
#[derive(Clone, Debug)]
pub(super) struct Lesson {
    /// Which entry of the outbox is done with.
    pub(super) outbox: i64,
    pub(super) actor: i64,
    /// The actor's count when its earlier records were read, if they were.
    pub(super) seq: Option<i64>,
    pub(super) session: String,
    pub(super) event: i64,
    pub(super) at: i64,
    pub(super) notes: Vec<Note>,
}

/// A record to be.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) namespace: Namespace,
    pub(super) content: String,
    pub(super) subject: Option<String>,
    pub(super) vector: Vec<f32>,
    /// Records that it supersedes.
    pub(super) supersedes: Vec<i64>,
    /// The record that supersedes it: it was said later, and learnt before.
    pub(super) superseded_by: Option<i64>,
}

/// The actor's number.
pub(super) fn actor(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut found = connection.prepare("SELECT id FROM actors WHERE name = ?1")?;
    found.query_row([name], |row| row.get(0)).optional()
}

/// Keeps a turn, once. Says how many events had to go for it.
pub(super) fn remember(
    connection: &Connection,
    turn: &Turn,
    bounds: Bounds,
) -> rusqlite::Result<u64> {
    let name = turn.actor.as_str();
    connection.execute("INSERT INTO actors (name) VALUES (?1) ON CONFLICT DO NOTHING", [name])?;
    let actor = actor(connection, name)?.unwrap_or_default();
    let (at, took) = (millis(turn.at), length(turn.took));
    let new = connection.execute(
        "INSERT INTO events (actor, session, turn, role, text, at)
         VALUES (?1, ?2, ?3, 'USER', ?4, ?5) ON CONFLICT DO NOTHING",
        params![actor, turn.session.as_str(), turn.id, turn.asked, at],
    )?;
    if new == 0 {
        return Ok(0);
    }
    let tools = serde_json::to_string(&turn.tools).unwrap_or_default();
    let answered = at.saturating_add(took);
    connection.execute(
        "INSERT INTO events (actor, session, turn, role, text, at, tools, took, model)
         VALUES (?1, ?2, ?3, 'ASSISTANT', ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        params![
            actor,
            turn.session.as_str(),
            turn.id,
            turn.answered,
            answered,
            tools,
            took,
            turn.model
        ],
    )?;
    connection.execute(
        "INSERT INTO outbox (actor, turn) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![actor, turn.id],
    )?;
    evict_events(connection, actor, bounds.events)
}

/// Keeps what was concluded from a turn, unless the turn was forgotten meanwhile. Says how many
/// records had to go for it; none is said, and nothing kept, if others have learnt since something
/// that it did not know of.
pub(super) fn learn(
    connection: &Connection,
    lesson: &Lesson,
    bounds: Bounds,
) -> rusqlite::Result<Option<u64>> {
    if let Some(known) = lesson.seq
        && seq(connection, lesson.actor)?.is_some_and(|seq| seq != known)
    {
        return Ok(None);
    }
    let done = connection.execute("DELETE FROM outbox WHERE id = ?1", [lesson.outbox])?;
    if done == 0 {
        return Ok(Some(0));
    }
    for note in &lesson.notes {
        let seq = next(connection, lesson.actor)?;
        connection.execute(
            "INSERT INTO records
               (actor, namespace, content, subject, at, session, event, superseded_by, seq, vector)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                lesson.actor,
                note.namespace.as_str(),
                note.content,
                note.subject,
                lesson.at,
                lesson.session,
                lesson.event,
                note.superseded_by,
                seq,
                vector::packed(&note.vector)
            ],
        )?;
        let id = connection.last_insert_rowid();
        for earlier in &note.supersedes {
            supersede(connection, lesson.actor, *earlier, id)?;
        }
    }
    evict_records(connection, lesson.actor, bounds.records).map(Some)
}

/// The actor's count of changes.
pub(super) fn seq(connection: &Connection, actor: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT seq FROM actors WHERE id = ?1";
    connection.query_row(sql, [actor], |row| row.get(0)).optional()
}

/// A record is superseded, and with it what was said when it was said.
fn supersede(connection: &Connection, actor: i64, old: i64, new: i64) -> rusqlite::Result<()> {
    let seq = next(connection, actor)?;
    connection.execute(
        "UPDATE records SET superseded_by = ?3, seq = ?4
         WHERE actor = ?1 AND (id = ?2 OR namespace = 'conversation' AND event =
           (SELECT event FROM records WHERE actor = ?1 AND id = ?2))",
        params![actor, old, new, seq],
    )?;
    Ok(())
}

/// The actor's next count.
fn next(connection: &Connection, actor: i64) -> rusqlite::Result<i64> {
    let sql = "UPDATE actors SET seq = seq + 1 WHERE id = ?1 RETURNING seq";
    connection.query_row(sql, [actor], |row| row.get(0))
}

/// What was read of an actor's records before is void.
fn void(connection: &Connection, actor: i64) -> rusqlite::Result<()> {
    connection.execute("UPDATE actors SET epoch = epoch + 1 WHERE id = ?1", [actor])?;
    Ok(())
}

/// Forgets, and says how much it was.
pub(super) fn forget(connection: &Connection, name: &str, what: &Forget) -> rusqlite::Result<u64> {
    let Some(actor) = actor(connection, name)? else { return Ok(0) };
    let gone = match what {
        Forget::Session(session) => forget_session(connection, actor, session.as_str())?,
        Forget::Record(record) => forget_record(connection, actor, record)?,
        Forget::Everything => forget_everything(connection, actor)?,
    };
    void(connection, actor)?;
    Ok(gone as u64)
}

fn forget_session(connection: &Connection, actor: i64, session: &str) -> rusqlite::Result<usize> {
    let of = params![actor, session];
    connection.execute(
        "DELETE FROM outbox WHERE actor = ?1 AND turn IN
           (SELECT turn FROM events WHERE actor = ?1 AND session = ?2)",
        of,
    )?;
    let mut gone = connection
        .prepare("SELECT id, superseded_by FROM records WHERE actor = ?1 AND session = ?2")?;
    let gone = gone.query_map(of, |row| Ok((row.get(0)?, row.get(1)?)))?;
    revive(connection, actor, &gone.collect::<Result<_, _>>()?)?;
    archive::forget(connection, actor, Some(session))?;
    let records = "DELETE FROM records WHERE actor = ?1 AND session = ?2";
    let events = "DELETE FROM events WHERE actor = ?1 AND session = ?2";
    Ok(connection.execute(records, of)? + connection.execute(events, of)?)
}

/// What records superseded that will be gone holds again, or is superseded by what superseded them.
fn revive(
    connection: &Connection,
    actor: i64,
    gone: &HashMap<i64, Option<i64>>,
) -> rusqlite::Result<()> {
    let mut old = connection.prepare(
        "SELECT id, superseded_by FROM records WHERE actor = ?1 AND superseded_by IS NOT NULL",
    )?;
    let old = old.query_map([actor], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    for (id, by) in old.collect::<Result<Vec<_>, _>>()? {
        if gone.contains_key(&id) || !gone.contains_key(&by) {
            continue;
        }
        let mut holds = Some(by);
        // Each is gone through once: in a damaged file they may go round.
        for _ in 0..=gone.len() {
            let Some(next) = holds.and_then(|by| gone.get(&by)) else { break };
            holds = *next;
        }
        let seq = next(connection, actor)?;
        let sql = "UPDATE records SET superseded_by = ?2, seq = ?3 WHERE id = ?1";
        connection.execute(sql, params![id, holds, seq])?;
    }
    Ok(())
}

/// A preference or a fact takes what was said along: it would be found again by the same words.
fn forget_record(connection: &Connection, actor: i64, record: &str) -> rusqlite::Result<usize> {
    let found = connection
        .query_row(
            "SELECT namespace, event, id, superseded_by FROM records WHERE actor = ?1 AND name = ?2",
            params![actor, record],
            |row| {
                let by = (row.get(2)?, row.get(3)?);
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, by))
            },
        )
        .optional()?;
    let Some((namespace, event, by)) = found else { return Ok(0) };
    revive(connection, actor, &HashMap::from([by]))?;
    let said = Namespace::Conversation.as_str();
    let mut gone = connection
        .execute("DELETE FROM records WHERE actor = ?1 AND name = ?2", params![actor, record])?;
    if namespace != said {
        gone += connection.execute(
            "DELETE FROM records WHERE actor = ?1 AND event = ?2 AND namespace = ?3",
            params![actor, event, said],
        )?;
    }
    Ok(gone)
}

fn forget_everything(connection: &Connection, actor: i64) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM outbox WHERE actor = ?1", [actor])?;
    archive::forget(connection, actor, None)?;
    let records = connection.execute("DELETE FROM records WHERE actor = ?1", [actor])?;
    let events = connection.execute("DELETE FROM events WHERE actor = ?1", [actor])?;
    connection.execute("DELETE FROM actors WHERE id = ?1", [actor])?;
    Ok(records + events)
}

/// Removes what is past the retention or above a limit.
pub(super) fn sweep(
    connection: &Connection,
    now: SystemTime,
    bounds: Bounds,
) -> rusqlite::Result<Swept> {
    let before = millis(now).saturating_sub(bounds.retention);
    let records = connection.execute("DELETE FROM records WHERE at < ?1", [before])?;
    let events = connection.execute("DELETE FROM events WHERE at < ?1", [before])?;
    archive::sweep(connection, millis(now))?;
    let mut swept = Swept {
        expired_events: events as u64,
        expired_records: records as u64,
        ..Swept::default()
    };
    let mut over = connection
        .prepare("SELECT id FROM actors WHERE events > ?1 OR records > ?2 ORDER BY id")?;
    let over = over.query_map([bounds.events, bounds.records], |row| row.get::<_, i64>(0))?;
    for actor in over.collect::<Result<Vec<_>, _>>()? {
        swept.evicted_events += evict_events(connection, actor, bounds.events)?;
        swept.evicted_records += evict_records(connection, actor, bounds.records)?;
    }
    connection.execute(
        "DELETE FROM actors WHERE events = 0 AND records = 0
           AND id NOT IN (SELECT actor FROM outbox)",
        [],
    )?;
    Ok(swept)
}

/// The oldest go, by whole turns where both sides of one are among them.
fn evict_events(connection: &Connection, actor: i64, most: i64) -> rusqlite::Result<u64> {
    let events: i64 =
        connection
            .query_row("SELECT events FROM actors WHERE id = ?1", [actor], |row| row.get(0))?;
    if events <= most {
        return Ok(0);
    }
    let gone = connection.execute(
        "DELETE FROM events WHERE id IN
           (SELECT id FROM events WHERE actor = ?1 ORDER BY at, id LIMIT ?2)",
        [actor, events - most],
    )?;
    Ok(gone as u64)
}

/// The oldest go, those that were superseded first; some more than must, since all that is left is
/// read again then.
fn evict_records(connection: &Connection, actor: i64, most: i64) -> rusqlite::Result<u64> {
    let sql = "SELECT records FROM actors WHERE id = ?1";
    let records: i64 = connection.query_row(sql, [actor], |row| row.get(0))?;
    if records <= most {
        return Ok(0);
    }
    let gone = connection.execute(
        "DELETE FROM records WHERE id IN
           (SELECT id FROM records WHERE actor = ?1
            ORDER BY superseded_by IS NULL, at, id LIMIT ?2)",
        [actor, records - most + most / 64],
    )?;
    void(connection, actor)?;
    Ok(gone as u64)
}
