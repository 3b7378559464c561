//! One turn, from the question to the answer.
//!
//! In: an agent, how turns go, a question, a model. Out: how it ended; its words were passed on as they
//! came. Never: sees a change of the settings; goes on when it is stopped or its time is up.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;
use toolgate_agent_model::{Message, ModelError, Said, Stop, Thought, Usage};

use super::act::Acting;
use super::limits::Reached;
use super::names::Offered;
use super::recall::{self, Before, Recalling};
use super::steps::Steps;
use super::think::{self, Thinking};
use super::{Agent, Chosen, Place, Report, Request, Settings, Talk, fence, report};
use crate::event::{EndReason, Event, Tokens, TurnEnd};
use crate::tools::Listed;

/// A turn that goes on.
pub(super) struct Course<'a> {
    agent: &'a Agent,
    settings: &'a Settings,
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
pub(super) struct End {
    reason: EndReason,
    limit: Option<Reached>,
    says: Option<String>,
    retry_safe: bool,
}

// === impl Course ===

impl<'a> Course<'a> {
    pub(super) const fn new(
        (agent, settings): (&'a Agent, &'a Settings),
        request: &'a Request,
        (chosen, talk): (&'a Chosen, &'a dyn Talk),
        steps: &'a Steps<'a>,
    ) -> Self {
        Self {
            agent,
            settings,
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
    pub(super) async fn bounded(&mut self) -> End {
        let (talk, most) = (self.talk, self.settings.limits.time);
        let run = pin!(Box::pin(self.run()));
        tokio::select! {
            biased;
            () = talk.stopped() => End::of(EndReason::Stopped, "stopped"),
            () = sleep(most) => End::limit(Reached::Time),
            end = run => end,
        }
    }

    const fn recalling(&self) -> Recalling<'a> {
        Recalling { agent: self.agent, settings: self.settings, request: self.request }
    }

    async fn run(&mut self) -> End {
        let (before, listed) =
            tokio::join!(recall::recall(self.recalling(), self.steps), self.list());
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
        for step in 1..=self.settings.limits.steps.max(1) {
            last = last.or_else(|| self.reached(step));
            let thinking = Thinking {
                settings: self.settings,
                chosen: self.chosen,
                system: &system,
                messages: &messages,
                tools: &tools,
                must_answer: last.is_some(),
                left: self.left(),
            };
            let thought = match think::think(self.steps, &thinking).await {
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
            settings: self.settings,
            request: self.request,
            talk: self.talk,
            steps: self.steps,
            offered,
            left: self.left(),
        };
        let made = u32::try_from(self.called.len()).unwrap_or(u32::MAX);
        let room = self.settings.limits.calls.saturating_sub(made);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let (results, called) = acting.act(&thought.uses, room).await;
        self.called.extend(called);
        results
    }

    /// The limit that makes the next reply the last one.
    fn reached(&self, step: u32) -> Option<Reached> {
        let limits = &self.settings.limits;
        let calls = u32::try_from(self.called.len()).unwrap_or(u32::MAX);
        let cost = self.agent.models.cost(&self.chosen.key, &self.usage);
        let last = (step >= limits.steps && step > 1).then_some(Reached::Steps);
        limits.reached(calls, &self.usage, cost).or(last)
    }

    fn left(&self) -> Duration {
        self.settings.limits.time.saturating_sub(self.steps.since())
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
        let prompt = self.settings.prompt.as_ref();
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

    pub(super) fn report(self, end: End, place: Place, at: SystemTime) -> Report {
        let total = self.steps.since();
        let (steps, asked) = self.steps.finished();
        let usage = self.usage;
        Report {
            request: self.request.clone(),
            place,
            at,
            provider: self.chosen.model.provider(),
            temperature: self.settings.temperature,
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
