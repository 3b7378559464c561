//! A turn that is told on a terminal.
//!
//! In: events. Out: lines on standard error, words of the answer on standard output where they are
//! wanted. Never: waits for a pipe to be read in a turn's way longer than the pipe is full; lets a tool
//! run that nobody allowed.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _, stderr, stdin, stdout};
use std::sync::{Mutex, PoisonError};

use super::words::{Look, ms, plain, short};
use crate::event::{Event, Outcome, StepEnd, StepKind};
use crate::turn::{Talk as Turn, Waiting};

/// What of a turn is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// Its parts, on standard error.
    Steps,
    /// Its parts, and its words as they come.
    Everything,
}

/// See the module.
#[derive(Debug)]
pub struct Talk {
    told: Told,
    look: Look,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    names: HashMap<u32, (StepKind, String)>,
    ends: Vec<StepEnd>,
    asked: HashMap<u32, (String, String)>,
    in_words: bool,
}

// === impl Talk ===

impl Talk {
    /// One turn.
    #[must_use]
    pub fn once(told: Told, look: Look) -> Self {
        Self { told, look, inner: Mutex::default() }
    }

    /// How the parts ended, in that order.
    #[must_use]
    pub fn results(&self) -> Vec<StepEnd> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).ends.clone()
    }

    fn line(&self, text: &str) {
        if self.told == Told::Nothing {
            return;
        }
        let in_words = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut inner.in_words)
        };
        if in_words {
            let _written = writeln!(stdout());
        }
        let _written = writeln!(stderr(), "{text}");
    }

    fn began(&self, step: u32, kind: StepKind, name: String) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).names.insert(step, (kind, name));
    }

    fn ended(&self, end: &StepEnd) {
        let named = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let named = inner.names.get(&end.step).cloned();
            inner.ends.push(end.clone());
            named
        };
        let Some((kind, name)) = named else { return };
        let what = match kind {
            StepKind::Memory => "memory",
            StepKind::Model => "model",
            StepKind::Tool => "tool",
        };
        let note = end.note.as_deref().map(|note| short(note, 100)).unwrap_or_default();
        let left = format!("  {what:<6} {:<36} {:>8}", short(&name, 36), ms(end.ms));
        let line = if end.outcome == Outcome::Ok {
            self.look.dim(&format!("{left}  {note}"))
        } else {
            let reason = end.reason.as_deref().unwrap_or("failed");
            let blame = end.blame.as_deref().unwrap_or("nobody");
            self.look.red(&format!("{left}  {reason}, blame {blame}: {note}"))
        };
        self.line(&line);
    }

    fn words(&self, delta: &str) {
        if self.told != Told::Everything {
            return;
        }
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).in_words = true;
        let mut out = stdout();
        let _written = out.write_all(plain(delta).as_bytes()).and_then(|()| out.flush());
    }
}

impl Turn for Talk {
    fn say(&self, event: Event) {
        match event {
            Event::StepStart { step, kind, name, .. } => self.began(step, kind, name),
            Event::StepEnd(end) => self.ended(&end),
            Event::Text { delta } => self.words(&delta),
            Event::Degraded { what, says } => {
                self.line(&self.look.red(&format!("  without {what}: {}", short(&says, 200))));
            }
            Event::StepProgress { message: Some(message), .. } => {
                self.line(&self.look.dim(&format!("         {}", short(&message, 100))));
            }
            Event::Approval { step, tool, arguments } => {
                let asked = (short(&tool, 80), short(&arguments.to_string(), 300));
                let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
                inner.asked.insert(step, asked);
            }
            Event::TurnEnd(_) => self.line(""),
            Event::TurnStart { .. } | Event::StepProgress { message: None, .. } => {}
        }
    }

    fn stopped(&self) -> Waiting<'_, ()> {
        Box::pin(async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }

    fn approve(&self, step: u32) -> Waiting<'_, bool> {
        let asked = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.asked.remove(&step)
        };
        let (tool, arguments) = asked.unwrap_or_default();
        Box::pin(async move {
            // Nobody can be asked through a pipe.
            if !stdin().is_terminal() || !stderr().is_terminal() {
                return false;
            }
            let question = format!("  {tool} changes something: {arguments}\n  run it? [y/N] ");
            let asked = tokio::task::spawn_blocking(move || {
                let _written = stderr().write_all(question.as_bytes());
                let mut line = String::new();
                let read = stdin().read_line(&mut line);
                read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
            });
            asked.await.unwrap_or(false)
        })
    }
}
