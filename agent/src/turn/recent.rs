//! The last turns of sessions, for when memory is not there.
//!
//! In: questions and answers. Out: the conversation so far. Never: more sessions, turns or
//! bytes than agreed; another actor's words.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use toolgate_agent_memory::{Actor, Session};
use toolgate_agent_model::Message;

use super::Request;
use super::recall::exchange;

/// Sessions that are kept.
const SESSIONS: usize = 256;
/// Turns of each.
const TURNS: usize = 10;
/// Bytes of each question and answer; longer ones are not kept.
const BYTES: usize = 32_000;

/// A conversation.
type Kept = ((Actor, Session), VecDeque<(String, String)>);

/// What was said lately in this process, the session that was used last at the end.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<Kept>>);

// === impl Recent ===

impl Recent {
    /// The conversation so far.
    pub(super) fn history(&self, request: &Request) -> Vec<Message> {
        let kept = self.kept();
        let found = kept.iter().find(|(key, _)| is_of(key, request));
        let turns = found.into_iter().flat_map(|(_, turns)| turns);
        turns.flat_map(|(asked, answered)| exchange(asked, answered)).collect()
    }

    /// A turn has ended.
    pub(super) fn keep(&self, request: &Request, answer: &str) {
        if answer.is_empty() || request.text.len().max(answer.len()) > BYTES {
            return;
        }
        let mut kept = self.kept();
        let at = kept.iter().position(|(key, _)| is_of(key, request));
        let (key, mut turns) = at
            .and_then(|at| kept.remove(at))
            .unwrap_or_else(|| ((request.actor.clone(), request.session.clone()), VecDeque::new()));
        turns.push_back((request.text.clone(), answer.to_owned()));
        if turns.len() > TURNS {
            turns.pop_front();
        }
        kept.push_back((key, turns));
        if kept.len() > SESSIONS {
            kept.pop_front();
        }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of((actor, session): &(Actor, Session), request: &Request) -> bool {
    *actor == request.actor && *session == request.session
}
