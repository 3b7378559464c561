//! The turn: recall → think → act → remember. The only place that knows all four.
//!
//! Enters: a question, and somebody to talk to while it goes on. Leaves: a [`Report`]; its words
//! have been passed on as they came. Never: fails because something is missing: it goes on without,
//! and says so; goes beyond its limits; waits for memory to be written.

mod act;
mod chosen;
mod course;
mod fence;
mod limits;
mod names;
mod recall;
mod recent;
mod report;
mod request;
mod steps;
mod think;
mod write;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use toolgate_agent_memory::Memory;

use crate::event::Event;
use crate::tools::{Listed, Tools};

pub use chosen::{Chosen, Models, UnknownModel};
pub use limits::Limits;
pub use report::{Active, Place, Reply, Report, Step, Watcher};
pub use request::{Request, Talk, Waiting};

use course::Course;
use recent::Recent;
use steps::Steps;
use write::Writes;

/// What a turn is made with.
#[derive(Debug)]
pub struct Agent {
    models: Arc<dyn Models>,
    tools: Option<Arc<dyn Tools>>,
    memory: Option<Arc<dyn Memory>>,
    watcher: Arc<dyn Watcher>,
    settings: ArcSwap<Settings>,
    recent: Recent,
    writes: Writes,
    listed: Mutex<Weak<Listed>>,
}

/// The parts of an agent.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Who thinks.
    pub models: Arc<dyn Models>,
    /// The gateway; an agent without one answers from what it knows.
    pub tools: Option<Arc<dyn Tools>>,
    /// Who remembers.
    pub memory: Option<Arc<dyn Memory>>,
    /// Who counts.
    pub watcher: Arc<dyn Watcher>,
    /// How.
    pub settings: Settings,
}

/// How turns go.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The instructions.
    pub prompt: Arc<str>,
    /// From 0 to 1.
    pub temperature: f32,
    /// How far a turn may go.
    pub limits: Limits,
    /// What is recalled.
    pub recall: Recall,
    /// Turns of the session that the model is shown.
    pub history_turns: usize,
    /// Whether tools that change something may be called.
    pub approval: Approval,
}

/// What is recalled for a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recall {
    /// The most records.
    pub most: usize,
    /// How relevant they have to be, from 0 to 1.
    pub threshold: f32,
}

/// Whether tools that change something may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// The user is asked each time.
    Ask,
    /// No.
    Never,
    /// Yes, without a question.
    NotNeeded,
}

// === impl Settings ===

impl Default for Settings {
    /// The prompt that is shipped, temperature 0.3, five records that are at least 0.3 relevant, ten
    /// turns of history, the user is asked.
    fn default() -> Self {
        Self {
            prompt: include_str!("../prompts/devops.md").into(),
            temperature: 0.3,
            limits: Limits::default(),
            recall: Recall { most: 5, threshold: 0.3 },
            history_turns: 10,
            approval: Approval::Ask,
        }
    }
}

// === impl Agent ===

impl Agent {
    /// An agent of these parts. Nothing is asked yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { models, tools, memory, watcher, settings } = parts;
        let settings = ArcSwap::from_pointee(settings);
        let (recent, writes, listed) = <_>::default();
        Self { models, tools, memory, watcher, settings, recent, writes, listed }
    }

    /// The memory.
    #[must_use]
    pub fn memory(&self) -> Option<&Arc<dyn Memory>> {
        self.memory.as_ref()
    }

    /// The gateway.
    #[must_use]
    pub fn tools(&self) -> Option<&Arc<dyn Tools>> {
        self.tools.as_ref()
    }

    /// How turns go that begin now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Turns go like this from the next one on; those that go on end as they began.
    pub fn change(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// The model of that key.
    ///
    /// # Errors
    /// There is no such model.
    pub fn choose(&self, key: Option<&str>) -> Result<Chosen, UnknownModel> {
        self.models.choose(key)
    }

    /// Turns that have ended and that memory has not taken yet.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.writes.count()
    }

    /// Waits until everything that is to be remembered is.
    pub async fn drained(&self) {
        self.writes.drained().await;
    }

    /// Answers a question with that model. What happens is told to `talk` while it happens.
    pub async fn turn(&self, request: &Request, chosen: &Chosen, talk: &dyn Talk) -> Report {
        let (at, _active) = (SystemTime::now(), self.watcher.active());
        let place = self.watcher.begin(request.traceparent.as_deref());
        let steps = Steps::new(talk, self.watcher.as_ref(), &place);
        talk.say(Event::TurnStart {
            turn: request.turn.clone(),
            session: request.session.to_string(),
            model: chosen.key.clone(),
            request_id: request.request_id.clone(),
            trace: place.trace.clone(),
        });
        let settings = self.settings.load_full();
        let mut course = Course::new((self, &settings), request, (chosen, talk), &steps);
        let end = course.bounded().await;
        steps.end_all();
        let report = course.report(end, place.clone(), at);
        self.finish(talk, &report);
        report
    }

    /// Tells of a list that was not told of yet.
    fn heard_of(&self, listed: &Arc<Listed>) {
        let mut last = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ptr() != Arc::as_ptr(listed) {
            *last = Arc::downgrade(listed);
            drop(last);
            self.watcher.listed(&listed.tools);
        }
    }

    /// The answer is out: it is remembered and counted.
    fn finish(&self, talk: &dyn Talk, report: &Report) {
        self.recent.keep(&report.request, &report.answer);
        if let Some(memory) = &self.memory {
            self.writes.remember(memory, &self.watcher, report);
        }
        self.watcher.ended(report);
        talk.say(Event::TurnEnd(report.end.clone()));
    }
}
