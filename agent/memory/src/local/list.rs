//! What is kept, page by page.
//!
//! In: an actor, and where to go on. Out: events, sessions, records. Never: a row of another
//! actor, or one past the retention; a page of more than [`PAGE`] entries.

use std::time::Duration;

use rusqlite::{Connection, Row, params};

use super::cursor::Cursor;
use super::keep::actor;
use super::time::time;
use crate::{Event, Namespace, Page, Record, Role, Session, SessionSummary, Words};

/// Entries of a page.
pub(super) const PAGE: usize = 50;

/// Characters of a session's title.
const TITLE: i64 = 80;

/// What comes of a list.
type Listed<T> = rusqlite::Result<Page<T>>;

/// The events of a session, the newest page first, each in order of time.
pub(super) fn events(
    connection: &Connection,
    (name, session): (&str, &Session),
    before: Cursor,
    since: i64,
) -> Listed<Event> {
    let Some(actor) = actor(connection, name)? else { return Ok(empty()) };
    let mut statement = connection.prepare(
        "SELECT at, id, turn, role, text, tools, took, model FROM events
         WHERE actor = ?1 AND session = ?2 AND at >= ?3 AND (at, id) < (?4, ?5)
         ORDER BY at DESC, id DESC LIMIT ?6",
    )?;
    let of = params![actor, session.as_str(), since, before.at, before.id, PAGE as i64 + 1];
    let rows = statement.query_map(of, |row| Ok((place(row)?, event(row)?)))?;
    let mut page = paged(rows)?;
    page.entries.reverse();
    Ok(page)
}

/// The sessions of an actor that have all of the words, the latest first.
pub(super) fn sessions(
    connection: &Connection,
    name: &str,
    (before, since): (Cursor, i64),
    words: Option<&Words>,
) -> Listed<SessionSummary> {
    let Some(actor) = actor(connection, name)? else { return Ok(empty()) };
    let patterns: Vec<String> = words.into_iter().flat_map(Words::iter).map(pattern).collect();
    let patterns = serde_json::to_string(&patterns).unwrap_or_default();
    let mut statement = connection.prepare(
        "WITH each AS (
           SELECT session, max(at) AS last, max(id) AS id, min(at) AS began,
                  sum(role = 'USER') AS turns
           FROM events WHERE actor = ?1 AND at >= ?2 GROUP BY session)
         SELECT last, id, each.session, began, turns,
                coalesce(title, (SELECT substr(text, 1, ?6) FROM events
                 WHERE actor = ?1 AND session = each.session AND role = 'USER' AND at >= ?2
                 ORDER BY at, id LIMIT 1), '')
         FROM each LEFT JOIN titles ON titles.actor = ?1 AND titles.session = each.session
         WHERE (last, id) < (?3, ?4) AND NOT EXISTS
           (SELECT 1 FROM json_each(?7) AS word
            WHERE ifnull(title, '') NOT LIKE word.value ESCAPE '\\' AND NOT EXISTS
              (SELECT 1 FROM events WHERE actor = ?1 AND session = each.session AND at >= ?2
                 AND text LIKE word.value ESCAPE '\\'))
         ORDER BY last DESC, id DESC LIMIT ?5",
    )?;
    let of = params![actor, since, before.at, before.id, PAGE as i64 + 1, TITLE, patterns];
    paged(statement.query_map(of, |row| Ok((place(row)?, session(row)?)))?)
}

/// What is known of an actor, the latest first. What was superseded is not known any more.
pub(super) fn records(
    connection: &Connection,
    (name, namespace): (&str, Namespace),
    before: Cursor,
    since: i64,
) -> Listed<Record> {
    let Some(actor) = actor(connection, name)? else { return Ok(empty()) };
    let mut statement = connection.prepare(
        "SELECT at, id, name, namespace, content, session FROM records
         WHERE actor = ?1 AND namespace = ?2 AND at >= ?3 AND (at, id) < (?4, ?5)
           AND (superseded_by IS NULL OR namespace = 'conversation')
         ORDER BY at DESC, id DESC LIMIT ?6",
    )?;
    let of = params![actor, namespace.as_str(), since, before.at, before.id, PAGE as i64 + 1];
    paged(statement.query_map(of, |row| Ok((place(row)?, record(row)?)))?)
}

/// What text is like that has the word.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for letter in word.chars() {
        if ['%', '_', '\\'].contains(&letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// A row of `at, id, name, namespace, content, session`.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let namespace: String = row.get(3)?;
    let session: String = row.get(5)?;
    Ok(Record {
        id: row.get(2)?,
        namespace: kind(&namespace),
        content: row.get(4)?,
        at: time(row.get(0)?),
        session: Session::new(&session).ok(),
        score: 0.0,
    })
}

/// The kind of a word.
pub(super) fn kind(word: &str) -> Namespace {
    let found = Namespace::ALL.iter().find(|namespace| namespace.as_str() == word);
    found.copied().unwrap_or(Namespace::Conversation)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let (role, tools): (String, String) = (row.get(3)?, row.get(5)?);
    let turn: String = row.get(2)?;
    let (role, said) = match role.as_str() {
        "USER" => (Role::User, "user"),
        "ASSISTANT" => (Role::Assistant, "assistant"),
        "TOOL" => (Role::Tool, "tool"),
        _ => (Role::Other, "other"),
    };
    let took: Option<i64> = row.get(6)?;
    Ok(Event {
        id: format!("{turn}/{said}"),
        turn,
        role,
        text: row.get(4)?,
        at: time(row.get(0)?),
        tools: serde_json::from_str(&tools).unwrap_or_default(),
        took: took.map(|took| Duration::from_millis(took.unsigned_abs())),
        model: row.get(7)?,
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionSummary> {
    let (name, title): (String, String) = (row.get(2)?, row.get(5)?);
    let turns: i64 = row.get(4)?;
    let session = Session::new(&name).map_err(|_| rusqlite::Error::InvalidQuery)?;
    Ok(SessionSummary {
        session,
        title: title.lines().next().unwrap_or_default().to_owned(),
        began: time(row.get(3)?),
        last: time(row.get(0)?),
        turns: turns.unsigned_abs(),
    })
}

fn place(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    Ok(Cursor { at: row.get(0)?, id: row.get(1)? })
}

/// At most a page; if there is one more row, where it goes on.
fn paged<T>(rows: impl Iterator<Item = rusqlite::Result<(Cursor, T)>>) -> Listed<T> {
    let mut entries = Vec::new();
    let mut last = None;
    for row in rows {
        let (place, entry) = row?;
        if entries.len() == PAGE {
            return Ok(Page { entries, next: last.map(Cursor::word) });
        }
        entries.push(entry);
        last = Some(place);
    }
    Ok(Page { entries, next: None })
}

fn empty<T>() -> Page<T> {
    Page { entries: Vec::new(), next: None }
}
