//! The one who concludes: a thread that reads turns from the outbox and makes records of them.
//!
//! In: turns that are on the disk. Out: records with vectors. Never: a turn twice; a turn left out
//! because the process ended: the outbox is read again at the next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, OptionalExtension as _, params};
use toolgate_search::{Model, likeness, words};

use super::extract::{self, Conclusion, conclusions};
use super::keep::{self, Bounds, Lesson, Note};
use super::vector::unpacked;
use super::write::{Counts, Jobs};
use crate::{MemoryError, Namespace};

/// How often what is too old is looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// How long one waits after a failure.
const PAUSE: Duration = Duration::from_secs(5);
/// Earlier preferences that a new one may supersede.
const PREFERENCES: i64 = 500;
/// Earlier facts that a new one may supersede. No vector of theirs is compared.
const FACTS: i64 = 5_000;
/// Most bytes that are kept of a question.
const ASKED: usize = 1_200;
/// Most bytes that are kept of an answer.
const ANSWERED: usize = 480;
/// Preferences that are so alike are about the same.
const SAME: f32 = 0.8;

/// What the thread has.
pub(super) struct Learner {
    pub(super) connection: Connection,
    pub(super) model: &'static Model,
    pub(super) jobs: Jobs,
    pub(super) bounds: Bounds,
    pub(super) counts: Arc<Counts>,
    pub(super) stop: Arc<AtomicBool>,
}

/// A turn of the outbox.
struct Waiting {
    outbox: i64,
    actor: i64,
    session: String,
    /// None if the question has gone since.
    event: Option<i64>,
    at: i64,
    asked: String,
    answered: String,
}

/// A record that is there already.
struct Earlier {
    id: i64,
    namespace: String,
    content: String,
    subject: Option<String>,
    at: i64,
    vector: Vec<f32>,
}

// === impl Learner ===

impl Learner {
    /// Learns whenever it is nudged, and sweeps every hour.
    pub(super) fn run(self, nudges: &Receiver<()>) {
        let mut swept = Instant::now();
        let mut wait = Duration::ZERO;
        loop {
            if let Err(RecvTimeoutError::Disconnected) = nudges.recv_timeout(wait) {
                return;
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let failed = self.pass().err();
            if let Some(error) = &failed {
                tracing::warn!(%error, "nothing can be concluded from what was said");
            }
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                self.sweep();
            }
            let left = SWEEP.saturating_sub(swept.elapsed());
            wait = if failed.is_some() { PAUSE } else { left };
        }
    }

    fn sweep(&self) {
        let bounds = self.bounds;
        let swept = self
            .jobs
            .run_blocking(move |connection| keep::sweep(connection, SystemTime::now(), bounds));
        self.counts.to_clean();
        match swept {
            Ok(swept) => self.counts.swept(swept),
            Err(error) => tracing::warn!(%error, "what is too old was not removed"),
        }
    }

    /// Empties the outbox.
    fn pass(&self) -> Result<(), MemoryError> {
        while !self.stop.load(Ordering::Relaxed) {
            let waiting = next(&self.connection).map_err(|error| super::fault::fault(&error))?;
            let Some(waiting) = waiting else { break };
            let lesson = self.lesson(waiting).map_err(|error| super::fault::fault(&error))?;
            let (bounds, counts) = (self.bounds, Arc::clone(&self.counts));
            self.jobs.run_blocking(move |connection| {
                // If another process was faster, it is concluded again.
                let evicted = keep::learn(connection, &lesson, bounds)?.unwrap_or_default();
                counts.evicted_records.fetch_add(evicted, Ordering::Relaxed);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn lesson(&self, turn: Waiting) -> rusqlite::Result<Lesson> {
        let Some(event) = turn.event else {
            let Waiting { outbox, actor, session, at, .. } = turn;
            return Ok(Lesson { outbox, actor, seq: None, session, event: 0, at, notes: vec![] });
        };
        let concluded = conclusions(&turn.asked);
        let (seq, earlier) = match concluded.is_empty() {
            true => (None, Vec::new()),
            false => {
                let seq = keep::seq(&self.connection, turn.actor)?;
                (seq, earlier(&self.connection, turn.actor)?)
            }
        };
        let mut notes = vec![self.said(&turn)];
        for conclusion in concluded {
            let vector = self.model.embed(&conclusion.content);
            let (mut supersedes, mut superseded_by) = (Vec::new(), None);
            for earlier in earlier.iter().filter(|old| same(&conclusion, &vector, old)) {
                match earlier.at > turn.at {
                    true => superseded_by = Some(earlier.id),
                    false => supersedes.push(earlier.id),
                }
            }
            let Conclusion { namespace, content, subject, .. } = conclusion;
            notes.push(Note { namespace, content, subject, vector, supersedes, superseded_by });
        }
        if let [said, concluded @ ..] = notes.as_mut_slice() {
            said.superseded_by = concluded.iter().find_map(|note| note.superseded_by);
        }
        let Waiting { outbox, actor, session, at, .. } = turn;
        Ok(Lesson { outbox, actor, seq, session, event, at, notes })
    }

    /// The turn as it was said.
    fn said(&self, turn: &Waiting) -> Note {
        let asked = beginning(&turn.asked, ASKED);
        let answered = beginning(&turn.answered, ANSWERED);
        let content = match answered.is_empty() {
            true => asked.to_owned(),
            false => format!("{asked}\nAnswer: {answered}"),
        };
        Note {
            namespace: Namespace::Conversation,
            vector: self.model.embed(&content),
            content,
            subject: None,
            supersedes: Vec::new(),
            superseded_by: None,
        }
    }
}

/// The turn that waits longest. One whose events are gone is an empty lesson.
fn next(connection: &Connection) -> rusqlite::Result<Option<Waiting>> {
    let mut statement = connection.prepare(
        "SELECT o.id, o.actor, ifnull(u.session, ''), u.id, ifnull(u.at, 0),
                ifnull(u.text, ''), ifnull(a.text, '')
         FROM outbox o
         LEFT JOIN events u ON u.actor = o.actor AND u.turn = o.turn AND u.role = 'USER'
         LEFT JOIN events a ON a.actor = o.actor AND a.turn = o.turn AND a.role = 'ASSISTANT'
         ORDER BY o.id LIMIT 1",
    )?;
    let read = statement.query_row([], |row| {
        Ok(Waiting {
            outbox: row.get(0)?,
            actor: row.get(1)?,
            session: row.get(2)?,
            event: row.get(3)?,
            at: row.get(4)?,
            asked: row.get(5)?,
            answered: row.get(6)?,
        })
    });
    read.optional()
}

/// The actor's latest preferences and facts that hold.
fn earlier(connection: &Connection, actor: i64) -> rusqlite::Result<Vec<Earlier>> {
    let mut all = of_kind(connection, actor, (Namespace::Preferences, PREFERENCES))?;
    all.extend(of_kind(connection, actor, (Namespace::Semantic, FACTS))?);
    Ok(all)
}

fn of_kind(
    connection: &Connection,
    actor: i64,
    (kind, most): (Namespace, i64),
) -> rusqlite::Result<Vec<Earlier>> {
    let mut statement = connection.prepare(
        "SELECT id, namespace, content, subject, at,
                CASE namespace WHEN 'preferences' THEN vector ELSE x'' END
         FROM records WHERE actor = ?1 AND namespace = ?2 AND superseded_by IS NULL
         ORDER BY at DESC, id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![actor, kind.as_str(), most], |row| {
        let vector: Vec<u8> = row.get(5)?;
        Ok(Earlier {
            id: row.get(0)?,
            namespace: row.get(1)?,
            content: row.get(2)?,
            subject: row.get(3)?,
            at: row.get(4)?,
            vector: unpacked(&vector),
        })
    })?;
    rows.collect()
}

/// Whether two conclusions are about the same, so that the later one holds.
fn same(new: &Conclusion, vector: &[f32], old: &Earlier) -> bool {
    let kind = old.namespace == new.namespace.as_str();
    let said = || words(&old.content).collect::<Vec<_>>();
    if !new.replaces.is_empty() {
        let said = said();
        if new.replaces.iter().all(|word| said.contains(word)) {
            return true;
        }
    }
    match (&new.subject, &old.subject) {
        (Some(new), Some(old)) if kind => extract::supersedes(new, old),
        (None, None) | (Some(_), None) | (None, Some(_)) if kind => {
            new.namespace == Namespace::Preferences && likeness(vector, &old.vector) >= SAME
        }
        _ => false,
    }
}

fn beginning(text: &str, most: usize) -> &str {
    let text = text.trim();
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}
