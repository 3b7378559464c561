//! What policies that do not look at arguments said before.
//!
//! Enters: who asked for what, and what came of it. Leaves: that again, for the same question. Never: an
//! answer to a question that differs in anything that a policy could see; more than so many of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use toolgate_call::{Asked, Claim, Hint, Kind};

use super::sum::Sum;

/// The most answers: some 2 MiB.
const MOST: usize = 16_384;
/// Into how many parts they are split, so that cores seldom wait for each other.
const SHARDS: usize = 16;

/// The SHA-256 of a question.
pub(super) type Question = [u8; 32];

/// Answers, by question.
pub(super) struct Memo {
    shards: [Mutex<HashMap<Question, Sum>>; SHARDS],
    per_shard: usize,
}

/// A question that is being written down: each part with its length, so that no two read alike.
struct Writing(Context);

/// Everything that policies can see, but arguments.
pub(super) fn question(asked: &Asked<'_>) -> Question {
    let (principal, plan) = (asked.principal, asked.plan);
    let mut to = Writing(Context::new(&SHA256));
    to.number(u64::from(asked.arguments.is_some()));
    to.number(match plan.kind {
        Kind::Tool => 0,
        Kind::Prompt => 1,
        Kind::Resources => 2,
        Kind::Task => 3,
    });
    for hint in [plan.read_only, plan.idempotent] {
        to.number(match hint {
            Hint::Yes => 0,
            Hint::No => 1,
            Hint::Unknown => 2,
        });
    }
    // Of a task the name is its id, which policies do not see.
    let name = if plan.kind == Kind::Task { "" } else { &plan.name };
    [&*plan.target, &*plan.full, name].iter().for_each(|part| to.text(part));
    to.option(plan.server.as_deref());
    to.text(&principal.issuer);
    to.text(&principal.subject);
    to.option(principal.client.as_deref());
    to.count(principal.scopes.iter().count());
    principal.scopes.iter().for_each(|scope| to.text(scope));
    for (name, claim) in principal.claims.iter() {
        to.text(name);
        to.claim(claim);
    }
    let mut question = Question::default();
    question.copy_from_slice(to.0.finish().as_ref());
    question
}

// === impl Memo ===

impl Memo {
    pub(super) fn new() -> Self {
        Self::of(MOST)
    }

    pub(super) fn of(most: usize) -> Self {
        Self { shards: Default::default(), per_shard: (most / SHARDS).max(1) }
    }

    /// What was answered.
    pub(super) fn get(&self, question: &Question) -> Option<Sum> {
        self.shard(question)?.get(question).copied()
    }

    /// Keeps an answer. Says whether another one had to go for it.
    pub(super) fn put(&self, question: Question, sum: Sum) -> bool {
        let Some(mut shard) = self.shard(&question) else { return false };
        let full = shard.len() >= self.per_shard && !shard.contains_key(&question);
        if full && let Some(any) = shard.keys().next().copied() {
            shard.remove(&any);
        }
        shard.insert(question, sum);
        full
    }

    fn shard(&self, question: &Question) -> Option<MutexGuard<'_, HashMap<Question, Sum>>> {
        let place = usize::from(*question.first()?) % SHARDS;
        self.shards.get(place).map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("per_shard", &self.per_shard).finish_non_exhaustive()
    }
}

// === impl Writing ===

impl Writing {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn claim(&mut self, claim: &Claim) {
        match claim {
            Claim::Text(text) => {
                self.number(0);
                self.text(text);
            }
            Claim::Number(number) => {
                self.number(1);
                self.0.update(&number.to_le_bytes());
            }
            Claim::Bool(said) => {
                self.number(2);
                self.number(u64::from(*said));
            }
            Claim::List(all) => {
                self.number(3);
                self.count(all.len());
                all.iter().for_each(|one| self.text(one));
            }
        }
    }
}
