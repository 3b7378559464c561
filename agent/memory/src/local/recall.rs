//! What bears on a question.
//!
//! In: a question, a connection that reads. Out: records, the most relevant first. Never: a record
//! of another actor, in the search or in what is read for it; one past the retention.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};
use toolgate_search::{Model, likeness};

use super::list;
use super::rank::{Ranked, Times, candidates, ordered};
use super::shelf::Shelves;
use super::vector::unpacked;
use super::when::when;
use crate::Record;

/// Records whose vectors are compared again, with all of their numbers, beside those that are asked
/// for.
const AGAIN: usize = 24;
/// Most bytes of a question that are looked at.
const LONGEST: usize = 2_048;

/// A question that can go to another thread.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) actor: String,
    pub(super) text: String,
    pub(super) most: usize,
    pub(super) threshold: f32,
    pub(super) now: i64,
    /// What was said before is past the retention.
    pub(super) since: i64,
}

/// What a question means: its vector, and when.
#[derive(Clone, Debug)]
pub(super) struct Meant {
    words: String,
    vector: Vec<f32>,
    times: Times,
}

/// Reads a question. Costs a model's work.
pub(super) fn meant(asked: &Asked, model: &Model) -> Meant {
    let (text, _) = asked.text.split_at(asked.text.floor_char_boundary(LONGEST));
    let found = when(text, asked.now);
    let vector = model.embed(&found.rest);
    Meant { words: found.rest, vector, times: Times { now: asked.now, span: found.span } }
}

/// Answers a question.
pub(super) fn recall(
    connection: &mut Connection,
    shelves: &Shelves,
    asked: &Asked,
    meant: &Meant,
) -> rusqlite::Result<Vec<Record>> {
    // One state of the database for all that is read.
    let connection = connection.transaction()?;
    let Some(actor) = super::keep::actor(&connection, &asked.actor)? else {
        return Ok(Vec::new());
    };
    let since = asked.since;
    let most = asked.most.saturating_mul(4).saturating_add(AGAIN);
    let mut found = shelves.with(&connection, actor, |shelf| {
        let looked = shelf.look(&meant.words, &meant.vector, |card| card.at >= since);
        candidates(looked.all(), meant.times, most, |id| looked.one(id))
    })?;
    let mut read = HashMap::new();
    found.retain_mut(|ranked| match again(&connection, actor, since, ranked, meant) {
        Ok(Some(record)) => read.insert(ranked.card.id, record).is_none(),
        Ok(None) => false,
        Err(error) => {
            tracing::warn!(%error, "a record cannot be read");
            false
        }
    });
    let order = ordered(found).into_iter().filter(|(_, score)| *score >= asked.threshold);
    let records = order.filter_map(|(card, score)| {
        let record = read.remove(&card.id)?;
        Some(Record { score, ..record })
    });
    Ok(records.take(asked.most).collect())
}

/// Reads a record, and compares it with all of its numbers. None if it has gone.
fn again(
    connection: &Connection,
    actor: i64,
    since: i64,
    ranked: &mut Ranked,
    meant: &Meant,
) -> rusqlite::Result<Option<Record>> {
    let mut statement = connection.prepare(
        "SELECT at, id, name, namespace, content, session, vector FROM records
         WHERE id = ?1 AND actor = ?2 AND at >= ?3",
    )?;
    let found = statement.query_row(params![ranked.card.id, actor, since], |row| {
        let vector: Vec<u8> = row.get(6)?;
        Ok((list::record(row)?, unpacked(&vector)))
    });
    Ok(found.optional()?.map(|(record, vector)| {
        ranked.like = likeness(&vector, &meant.vector);
        record
    }))
}
