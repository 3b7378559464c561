//! The turn: recall → think → act → remember. The only place that knows all four.
//!
//! Enters: a question, and somebody to talk to while it goes on. Leaves: a [`Report`]; its words
//! have been passed on as they came. Never: fails because something is missing: it goes on without,
//! and says so; goes beyond its limits; waits for memory to be written.

mod act;
mod chosen;
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

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::time::sleep;
use toolgate_agent_memory::Memory;
use toolgate_agent_model::{Message, ModelError, Said, Stop, Thought, Usage};

use crate::event::{EndReason, Event, Tokens, TurnEnd};
use crate::tools::{Listed, Tools};

pub use chosen::{Chosen, Models, UnknownModel};
pub use limits::Limits;
pub use report::{Active, Place, Reply, Report, Step, Watcher};
pub use request::{Request, Talk, Waiting};

use act::Acting;
use limits::Reached;
use names::Offered;
use recall::Before;
use recent::Recent;
use steps::Steps;
use think::Thinking;
use write::Writes;

/// What a turn is made with.
#[derive(Debug)]
pub struct Agent {
    models: Arc<dyn Models>,
    tools: Option<Arc<dyn Tools>>,
    memory: Option<Arc<dyn Memory>>,
    watcher: Arc<dyn Watcher>,
    settings: Settings,
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

/// A turn that goes on.
struct Course<'a> {
    agent: &'a Agent,
    request: &'a Request,
    talk: &'a dyn Talk,
    steps: &'a Steps<'a>,
    chosen: &'a Chosen,
    usage: Usage,
    called: Vec<String>,
    degraded: Vec<String>,
    recalled: usize,
}

/// How a turn has ended.
struct End {
    reason: EndReason,
    limit: Option<Reached>,
    says: Option<String>,
    retry_safe: bool,
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

    /// How turns go.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The model of that key.
    ///
    /// # Errors
    /// There is no such model.
    pub fn choose(&self, key: Option<&str>) -> Result<Chosen, UnknownModel> {
        self.models.choose(key)
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
        let mut course = Course::new(self, request, (chosen, talk), &steps);
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

// === impl Course ===

impl<'a> Course<'a> {
    const fn new(
        agent: &'a Agent,
        request: &'a Request,
        (chosen, talk): (&'a Chosen, &'a dyn Talk),
        steps: &'a Steps<'a>,
    ) -> Self {
        Self {
            agent,
            request,
            talk,
            steps,
            chosen,
            usage: Usage { input: 0, output: 0, cache_read: 0, cache_write: 0 },
            called: Vec::new(),
            degraded: Vec::new(),
            recalled: 0,
        }
    }

    /// Goes on until it has ended, is stopped or the time is up. What is dropped then is cancelled.
    async fn bounded(&mut self) -> End {
        let (talk, most) = (self.talk, self.agent.settings.limits.time);
        let run = pin!(Box::pin(self.run()));
        tokio::select! {
            biased;
            () = talk.stopped() => End::of(EndReason::Stopped, "stopped"),
            () = sleep(most) => End::limit(Reached::Time),
            end = run => end,
        }
    }

    async fn run(&mut self) -> End {
        let (before, listed) =
            tokio::join!(recall::recall(self.agent, self.request, self.steps), self.list());
        if !before.remembered {
            self.degraded.push("memory".to_owned());
        }
        self.recalled = before.records.len();
        let listed = self.without(listed);
        self.agent.heard_of(&listed);
        let offered = Offered::new(listed);
        let messages = self.messages(before);
        self.converse(messages, &offered).await
    }

    /// Asks the model until it has answered.
    async fn converse(&mut self, mut messages: Vec<Message>, offered: &Offered) -> End {
        let tools = offered.for_model();
        let system = self.system();
        let mut last = None;
        for step in 1..=self.agent.settings.limits.steps.max(1) {
            last = last.or_else(|| self.reached(step));
            let thinking = Thinking {
                chosen: self.chosen,
                system: &system,
                messages: &messages,
                tools: &tools,
                must_answer: last.is_some(),
                left: self.left(),
            };
            let thought = match think::think(self.agent, self.steps, &thinking).await {
                Ok(thought) => thought,
                Err(error) => return End::model(&error),
            };
            self.usage = self.usage.plus(thought.usage);
            if thought.uses.is_empty() || last.is_some() {
                match ended(&thought, last) {
                    Some(end) => return end,
                    // Its wish for a tool makes no sense: it is asked once more.
                    None => continue,
                }
            }
            let results = self.act(&thought, offered).await;
            messages.push(Message::Agent(Said { text: thought.text, uses: thought.uses }));
            messages.push(Message::Results(results));
        }
        End::limit(Reached::Steps)
    }

    async fn act(
        &mut self,
        thought: &Thought,
        offered: &Offered,
    ) -> Vec<toolgate_agent_model::ToolResult> {
        let acting = Acting {
            agent: self.agent,
            request: self.request,
            talk: self.talk,
            steps: self.steps,
            offered,
            left: self.left(),
        };
        let made = u32::try_from(self.called.len()).unwrap_or(u32::MAX);
        let room = self.agent.settings.limits.calls.saturating_sub(made);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let (results, called) = acting.act(&thought.uses, room).await;
        self.called.extend(called);
        results
    }

    /// The limit that makes the next reply the last one.
    fn reached(&self, step: u32) -> Option<Reached> {
        let limits = &self.agent.settings.limits;
        let calls = u32::try_from(self.called.len()).unwrap_or(u32::MAX);
        let cost = self.agent.models.cost(&self.chosen.key, &self.usage);
        let last = (step >= limits.steps && step > 1).then_some(Reached::Steps);
        limits.reached(calls, &self.usage, cost).or(last)
    }

    fn left(&self) -> Duration {
        self.agent.settings.limits.time.saturating_sub(self.steps.since())
    }

    async fn list(&self) -> Result<Arc<Listed>, String> {
        let Some(tools) = self.agent.tools.as_deref() else {
            return Err("no gateway is configured: this is answered without tools".to_owned());
        };
        tools.list().await.map_err(|failure| {
            format!("the gateway did not list its tools: this is answered without them ({failure})")
        })
    }

    /// The tools that there are. Says what is missing.
    fn without(&mut self, listed: Result<Arc<Listed>, String>) -> Arc<Listed> {
        let (what, says) = match &listed {
            Ok(listed) if listed.missing.is_empty() => return Arc::clone(listed),
            Ok(listed) => ("tools", format!("tools of {} are missing", listed.missing.join(", "))),
            Err(says) => ("gateway", says.clone()),
        };
        self.degraded.push(what.to_owned());
        self.steps.say(Event::Degraded { what: what.to_owned(), says });
        listed.unwrap_or_default()
    }

    /// The instructions, and what this turn has to do without.
    fn system(&self) -> String {
        let prompt = self.agent.settings.prompt.as_ref();
        if self.degraded.is_empty() {
            return prompt.to_owned();
        }
        let missing = self.degraded.join(", ");
        format!(
            "{prompt}\nMissing in this turn: {missing}. Say so where it matters to the answer.\n"
        )
    }

    fn messages(&self, before: Before) -> Vec<Message> {
        let mut messages = before.history;
        let text = fence::with_recalled(&before.records, &self.request.text);
        messages.push(Message::User(text));
        messages
    }

    fn report(self, end: End, place: Place, at: SystemTime) -> Report {
        let total = self.steps.since();
        let (steps, asked) = self.steps.finished();
        let usage = self.usage;
        Report {
            request: self.request.clone(),
            place,
            at,
            provider: self.chosen.model.provider(),
            temperature: self.agent.settings.temperature,
            answer: self.steps.answer(),
            recalled: self.recalled,
            first_word: self.steps.first_word(),
            end: TurnEnd {
                reason: end.reason,
                limit: end.limit,
                says: end.says,
                retry_safe: end.retry_safe,
                times: report::times(&steps, asked, total),
                usage: Tokens {
                    input_tokens: usage.input,
                    output_tokens: usage.output,
                    cache_read_tokens: usage.cache_read,
                    total_tokens: usage.total(),
                },
                cost_usd: self.agent.models.cost(&self.chosen.key, &usage),
                model: self.chosen.key.clone(),
                model_id: self.chosen.id.clone(),
                tools_used: self.called,
                degraded: self.degraded,
            },
            steps,
        }
    }
}

/// How a turn ends with a reply that calls nothing; `None` if the model is to be asked again.
fn ended(thought: &Thought, last: Option<Reached>) -> Option<End> {
    let says = last.map(|reached| reached.says().to_owned());
    let reason = match thought.stop {
        Stop::MalformedToolUse | Stop::MalformedOutput if last.is_none() => return None,
        Stop::EndTurn | Stop::StopSequence | Stop::Other | Stop::ToolUse => {
            if says.is_some() {
                EndReason::Limit
            } else {
                EndReason::Answered
            }
        }
        Stop::MaxTokens => EndReason::CutOff,
        Stop::GuardrailIntervened | Stop::ContentFiltered => EndReason::Refused,
        Stop::MalformedToolUse | Stop::MalformedOutput | Stop::ContextWindowExceeded => {
            EndReason::ModelFailed
        }
    };
    let says = says.or_else(|| said_of(thought.stop).map(str::to_owned));
    Some(End { reason, limit: last, says, retry_safe: thought.stop != Stop::ContextWindowExceeded })
}

/// What the user is told of an odd end.
const fn said_of(stop: Stop) -> Option<&'static str> {
    match stop {
        Stop::EndTurn | Stop::StopSequence | Stop::Other | Stop::ToolUse => None,
        Stop::MaxTokens => Some("the answer was cut off at the most tokens of a reply"),
        Stop::GuardrailIntervened => Some("a guardrail of the provider stepped in"),
        Stop::ContentFiltered => Some("a filter of the provider stepped in"),
        Stop::MalformedToolUse | Stop::MalformedOutput => {
            Some("the model's reply made no sense; ask again")
        }
        Stop::ContextWindowExceeded => {
            Some("the conversation is too long for the model; begin a new session")
        }
    }
}

// === impl End ===

impl End {
    fn of(reason: EndReason, says: &str) -> Self {
        Self { reason, limit: None, says: Some(says.to_owned()), retry_safe: true }
    }

    fn limit(limit: Reached) -> Self {
        Self { limit: Some(limit), ..Self::of(EndReason::Limit, limit.says()) }
    }

    fn model(error: &ModelError) -> Self {
        Self {
            reason: EndReason::ModelFailed,
            limit: None,
            says: Some(error.message.clone()),
            retry_safe: error.fault.is_passing(),
        }
    }
}
