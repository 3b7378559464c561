//! What people see of conversations beside what was said: timelines and titles.
//!
//! In: an actor, what is to be kept or looked for. Out: rows. Never: a row of another actor; a
//! timeline that outlives its turn, or comes after it was forgotten and stays.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::Local;
use super::cursor::Cursor;
use super::keep::actor;
use super::list;
use super::time::{millis, time};
use crate::archive::{Archive, Timeline, Title, Words};
use crate::{Actor, Asking, MemoryError, Page, Session, SessionSummary, Why};

/// How long a timeline may wait for its turn.
const WAITS: i64 = 3_600_000;

impl Archive for Local {
    fn keep_timeline<'a>(&'a self, actor: &'a Actor, timeline: &'a Timeline) -> Asking<'a, ()> {
        Box::pin(async move {
            if timeline.told.len() > Timeline::MOST {
                let says = format!("a timeline is longer than {} bytes", Timeline::MOST);
                return Err(MemoryError::new(Why::Full, says));
            }
            let (name, timeline) = (actor.clone(), timeline.clone());
            let kept = self.jobs()?.run(move |connection| put(connection, &name, &timeline));
            kept.await
        })
    }

    fn timelines<'a>(
        &'a self,
        actor: &'a Actor,
        session: &'a Session,
        turns: &'a [String],
    ) -> Asking<'a, Vec<Timeline>> {
        let (name, session) = (actor.clone(), session.clone());
        let turns: HashSet<String> = turns.iter().cloned().collect();
        Box::pin(
            self.read(move |connection, _| of_session(connection, name.as_str(), &session, &turns)),
        )
    }

    fn rename<'a>(
        &'a self,
        actor: &'a Actor,
        session: &'a Session,
        title: Option<&'a Title>,
    ) -> Asking<'a, bool> {
        let (name, session, title) = (actor.clone(), session.clone(), title.cloned());
        Box::pin(async move {
            let done = self.jobs()?.run(move |connection| {
                entitle(connection, (name.as_str(), session.as_str()), title.as_ref())
            });
            done.await
        })
    }

    fn find<'a>(
        &'a self,
        actor: &'a Actor,
        words: &'a Words,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<SessionSummary>> {
        let (name, words) = (actor.clone(), words.clone());
        let since = self.since(std::time::SystemTime::now());
        Box::pin(async move {
            let before = Cursor::read(from)?;
            self.read(move |connection, _| {
                list::sessions(connection, name.as_str(), (before, since), Some(&words))
            })
            .await
        })
    }
}

fn put(connection: &Connection, name: &Actor, timeline: &Timeline) -> rusqlite::Result<()> {
    let sql = "INSERT INTO actors (name) VALUES (?1) ON CONFLICT DO NOTHING";
    connection.execute(sql, [name.as_str()])?;
    let actor = actor(connection, name.as_str())?.unwrap_or_default();
    connection.execute(
        "INSERT INTO timelines (actor, turn, session, at, told) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        params![
            actor,
            timeline.turn,
            timeline.session.as_str(),
            millis(timeline.at),
            timeline.told
        ],
    )?;
    Ok(())
}

fn of_session(
    connection: &Connection,
    name: &str,
    session: &Session,
    turns: &HashSet<String>,
) -> rusqlite::Result<Vec<Timeline>> {
    let Some(actor) = actor(connection, name)? else { return Ok(Vec::new()) };
    let mut one = connection.prepare(
        "SELECT at, told FROM timelines WHERE actor = ?1 AND turn = ?2 AND session = ?3",
    )?;
    let mut all = Vec::new();
    for turn in turns {
        let rows = one.query_map(params![actor, turn, session.as_str()], |row| {
            let (turn, session) = (turn.clone(), session.clone());
            Ok(Timeline { turn, session, at: time(row.get(0)?), told: row.get(1)? })
        })?;
        for row in rows {
            all.push(row?);
        }
    }
    Ok(all)
}

fn entitle(
    connection: &Connection,
    (name, session): (&str, &str),
    title: Option<&Title>,
) -> rusqlite::Result<bool> {
    let Some(actor) = actor(connection, name)? else { return Ok(false) };
    let of = params![actor, session];
    let sql = "SELECT 1 FROM events WHERE actor = ?1 AND session = ?2";
    if !connection.prepare(sql)?.exists(of)? {
        return Ok(false);
    }
    connection.execute("DELETE FROM titles WHERE actor = ?1 AND session = ?2", of)?;
    if let Some(title) = title {
        connection.execute(
            "INSERT INTO titles (actor, session, title) VALUES (?1, ?2, ?3)",
            params![actor, session, title.as_str()],
        )?;
    }
    Ok(true)
}

/// Timelines of what is forgotten go with it, also those whose turn never came.
pub(super) fn forget(
    connection: &Connection,
    actor: i64,
    session: Option<&str>,
) -> rusqlite::Result<()> {
    let of = params![actor, session];
    let sql = "DELETE FROM timelines WHERE actor = ?1 AND (?2 IS NULL OR session = ?2)";
    connection.execute(sql, of)?;
    let sql = "DELETE FROM titles WHERE actor = ?1 AND (?2 IS NULL OR session = ?2)";
    connection.execute(sql, of)?;
    Ok(())
}

/// Removes timelines of which the turn is gone or has not come.
pub(super) fn sweep(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM timelines WHERE at < ?1 AND NOT EXISTS
           (SELECT 1 FROM events WHERE events.actor = timelines.actor
              AND events.turn = timelines.turn AND role = 'ASSISTANT')",
        [now.saturating_sub(WAITS)],
    )?;
    Ok(())
}
