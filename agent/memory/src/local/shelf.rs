//! The records of actors as they are searched: in memory, brought up to date before each search.
//!
//! In: a connection that reads. Out: records that are near a question. Never: a record of another
//! actor: each has a shelf of its own, filled by its number; more memory than agreed, but for the
//! shelf in use; a search of what has changed since.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Row, params};
use toolgate_search::{Near, Notes};

use super::list::kind;
use super::vector::unpacked;
use crate::Namespace;

/// What a record costs beside its text and vector.
const BESIDE: usize = 96;

/// What is known of a record without its words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card {
    pub(super) id: i64,
    pub(super) at: i64,
    pub(super) namespace: Namespace,
    /// The event it comes from.
    pub(super) event: i64,
    pub(super) superseded_by: Option<i64>,
}

/// Records that have gone and may still be there, beside an eighth of all.
const SPARE: i64 = 256;
/// Most records of which each supersedes the one before.
const CHAIN: usize = 1_000;

/// The records of an actor.
#[derive(Debug)]
pub(super) struct Shelf {
    epoch: i64,
    seq: i64,
    notes: Notes,
    cards: Vec<Card>,
    places: HashMap<i64, usize>,
}

/// The records of an actor, and how near each is to a question.
#[derive(Debug)]
pub(super) struct Looked<'a> {
    shelf: &'a Shelf,
    seen: Vec<bool>,
    near: Vec<Near>,
}

/// Shelves of the actors that asked last.
#[derive(Debug)]
pub(super) struct Shelves {
    most: usize,
    width: usize,
    kept: Mutex<Kept>,
    filled: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    of: HashMap<i64, Entry>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    shelf: Arc<Mutex<Shelf>>,
    bytes: usize,
    used: u64,
}

// === impl Shelf ===

impl Shelf {
    fn new(epoch: i64, width: usize) -> Self {
        let notes = Notes::new(width);
        Self { epoch, seq: 0, notes, cards: Vec::new(), places: HashMap::new() }
    }

    /// Takes up what has changed. Says whether it was all read from the beginning.
    fn refresh(&mut self, connection: &Connection, actor: i64) -> rusqlite::Result<bool> {
        let sql = "SELECT epoch, seq, records FROM actors WHERE id = ?1";
        let (epoch, seq, records): (i64, i64, i64) = connection
            .query_row(sql, [actor], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let gone = (self.cards.len() as i64).saturating_sub(records);
        let anew = epoch != self.epoch || gone > records / 8 + SPARE;
        if anew {
            *self = Self::new(epoch, self.notes.width());
        }
        if seq == self.seq {
            return Ok(anew);
        }
        let mut changed = connection.prepare(
            "SELECT id, at, namespace, event, superseded_by, content, vector FROM records
             WHERE actor = ?1 AND seq > ?2 ORDER BY seq, id",
        )?;
        let mut rows = changed.query(params![actor, self.seq])?;
        while let Some(row) = rows.next()? {
            self.take(row)?;
        }
        self.seq = seq;
        Ok(anew)
    }

    fn take(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let namespace: String = row.get(2)?;
        let card = Card {
            id: row.get(0)?,
            at: row.get(1)?,
            namespace: kind(&namespace),
            event: row.get(3)?,
            superseded_by: row.get(4)?,
        };
        if let Some(known) = self.places.get(&card.id).and_then(|at| self.cards.get_mut(*at)) {
            *known = card;
            return Ok(());
        }
        let vector: Vec<u8> = row.get(6)?;
        let content = row.get_ref(5)?.as_str()?;
        let place = self.notes.push(content, &unpacked(&vector));
        self.places.insert(card.id, place);
        self.cards.push(card);
        Ok(())
    }

    /// How near each record is to a question, of those that `wanted` wants.
    pub(super) fn look(
        &self,
        question: &str,
        asked: &[f32],
        wanted: impl Fn(&Card) -> bool,
    ) -> Looked<'_> {
        let seen = self.cards.iter().map(wanted).collect::<Vec<_>>();
        let near = self.notes.look(question, asked, &seen);
        Looked { shelf: self, seen, near }
    }

    /// A record, with what holds in its place now: what supersedes may be superseded itself.
    fn told(&self, card: &Card) -> Card {
        let mut told = *card;
        for _ in 0..CHAIN {
            let by = told.superseded_by.and_then(|by| self.places.get(&by));
            let next = by.and_then(|at| self.cards.get(*at)).and_then(|by| by.superseded_by);
            if next.is_none() {
                break;
            }
            told.superseded_by = next;
        }
        told
    }

    fn bytes(&self) -> usize {
        self.notes.bytes() + self.cards.len() * (size_of::<Card>() + BESIDE)
    }
}

// === impl Looked ===

impl Looked<'_> {
    /// All that were wanted.
    pub(super) fn all(&self) -> impl Iterator<Item = (Card, Near)> {
        let cards = self.shelf.cards.iter().zip(&self.near).zip(&self.seen);
        let cards = cards.filter(|(_, seen)| **seen);
        cards.map(|((card, near), _)| (self.shelf.told(card), *near))
    }

    /// One by its number, if it was wanted.
    pub(super) fn one(&self, id: i64) -> Option<(Card, Near)> {
        let at = *self.shelf.places.get(&id)?;
        self.seen.get(at).filter(|seen| **seen)?;
        Some((self.shelf.told(self.shelf.cards.get(at)?), *self.near.get(at)?))
    }
}

// === impl Shelves ===

impl Shelves {
    /// None yet; together they take about so many bytes.
    pub(super) fn new(most: usize, width: usize) -> Self {
        Self { most, width, kept: Mutex::default(), filled: AtomicU64::new(0) }
    }

    /// Looks at the actor's records as they are now.
    pub(super) fn with<T>(
        &self,
        connection: &Connection,
        actor: i64,
        look: impl FnOnce(&Shelf) -> T,
    ) -> rusqlite::Result<T> {
        let shelf = self.take(actor);
        let mut held = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        match held.refresh(connection, actor) {
            Ok(anew) => self.filled.fetch_add(u64::from(anew), Ordering::Relaxed),
            Err(error) => {
                // Half of a change is none.
                *held = Shelf::new(-1, self.width);
                return Err(error);
            }
        };
        let found = look(&held);
        let bytes = held.bytes();
        drop(held);
        self.weigh(actor, bytes);
        Ok(found)
    }

    /// How often a shelf was filled from nothing, and how many are there.
    pub(super) fn filled(&self) -> (u64, usize) {
        (self.filled.load(Ordering::Relaxed), self.kept().of.len())
    }

    /// How many records are there, of all shelves.
    #[cfg(test)]
    pub(super) fn cards(&self) -> usize {
        let kept = self.kept();
        let shelf =
            |entry: &Entry| entry.shelf.lock().unwrap_or_else(PoisonError::into_inner).cards.len();
        kept.of.values().map(shelf).sum()
    }

    fn take(&self, actor: i64) -> Arc<Mutex<Shelf>> {
        let mut kept = self.kept();
        kept.clock += 1;
        let clock = kept.clock;
        let entry = kept.of.entry(actor).or_insert_with(|| {
            let shelf = Arc::new(Mutex::new(Shelf::new(-1, self.width)));
            Entry { shelf, bytes: 0, used: 0 }
        });
        entry.used = clock;
        Arc::clone(&entry.shelf)
    }

    /// Counts what a shelf takes, and lets go of those that were not used for longest.
    fn weigh(&self, actor: i64, bytes: usize) {
        let mut kept = self.kept();
        let Some(entry) = kept.of.get_mut(&actor) else { return };
        let before = std::mem::replace(&mut entry.bytes, bytes);
        kept.bytes = kept.bytes + bytes - before;
        while kept.bytes > self.most && kept.of.len() > 1 {
            let oldest = kept.of.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(actor, _)| *actor) else { break };
            if let Some(gone) = kept.of.remove(&oldest) {
                kept.bytes -= gone.bytes;
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
