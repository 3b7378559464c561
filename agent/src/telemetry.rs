//! What the turn says of itself, as telemetry counts it.
//!
//! Enters: reports of turns. Leaves: facts for [`toolgate_telemetry::agent`]. Never: the words of a
//! user, a model or a tool.

use std::sync::Arc;
use std::time::Duration;

use toolgate_telemetry::agent::{
    AgentPlace, AgentTelemetry, Budget, ModelRetry, ReplyFacts, RetryFacts, StepEnd, StepFacts,
    StepKind as Kind, TimeFacts, TokenFacts, TokenFetch, TurnEnd as End, TurnFacts,
};

use crate::event::{EndReason, Outcome, StepKind};
use crate::gateway::{Renewal, Renewals};
use crate::tools::Tool;
use crate::turn::{Active, Place, Report, Step, Watcher};

/// Tells telemetry of turns.
#[derive(Clone, Debug)]
pub struct Watch(Arc<AgentTelemetry>);

// === impl Watch ===

impl Watch {
    /// Tells that telemetry.
    #[must_use]
    pub const fn new(telemetry: Arc<AgentTelemetry>) -> Self {
        Self(telemetry)
    }

    /// Hears of renewals of tokens.
    #[must_use]
    pub fn renewals(&self) -> Renewals {
        let telemetry = Arc::clone(&self.0);
        Arc::new(move |renewal| telemetry.token_renewed(fetched(renewal)))
    }
}

impl Watcher for Watch {
    fn begin(&self, traceparent: Option<&str>) -> Place {
        let AgentPlace { trace, span, parent, sampled } = self.0.begin(traceparent);
        Place { trace, span, parent, sampled }
    }

    fn active(&self) -> Active {
        Box::new(self.0.turn_started())
    }

    fn listed(&self, tools: &[Tool]) {
        self.0.tools_listed(tools.iter().map(|tool| tool.name.as_str()));
    }

    fn step(&self, step: &Step) {
        self.0.step(&of_step(step));
    }

    fn ended(&self, report: &Report) {
        let place = place(&report.place);
        let steps: Vec<StepFacts<'_>> = report.steps.iter().map(of_step).collect();
        let times = &report.end.times;
        self.0.ended(&TurnFacts {
            place: &place,
            turn: &report.request.turn,
            request_id: &report.request.request_id,
            session: report.request.session.as_str(),
            actor: report.request.actor.as_str(),
            at: report.at,
            model: &report.end.model,
            model_id: &report.end.model_id,
            provider: report.provider.as_str(),
            temperature: report.temperature,
            end: end(report.end.reason),
            budget: report.end.limit.map(budget),
            times: TimeFacts {
                memory: times.memory_retrieval_ms,
                model: times.llm_inference_ms,
                tool: times.tool_execution_ms,
                approval: times.approval_ms,
                overhead: times.overhead_ms,
                total: times.total_ms,
            },
            tokens: tokens(report),
            cost_usd: report.end.cost_usd,
            steps: &steps,
            recalled: report.recalled,
            first_word: report.first_word,
            question_chars: report.request.text.chars().count(),
            answer_chars: report.answer.chars().count(),
            tools_used: &report.end.tools_used,
            degraded: &report.end.degraded,
        });
    }

    fn remembered(&self, at: &Place, took: Duration, reason: Option<&str>) {
        self.0.remembered(Some(&place(at)), took, reason);
    }

    fn lost(&self) {
        self.0.memory_lost();
    }
}

fn place(place: &Place) -> AgentPlace {
    let Place { trace, span, parent, sampled } = place.clone();
    AgentPlace { trace, span, parent, sampled }
}

fn of_step(step: &Step) -> StepFacts<'_> {
    StepFacts {
        kind: match step.kind {
            StepKind::Memory => Kind::Memory,
            StepKind::Model => Kind::Model,
            StepKind::Tool => Kind::Tool,
        },
        name: &step.name,
        span: &step.span,
        began: step.began,
        took: step.took,
        end: match step.outcome {
            Outcome::Ok => StepEnd::Ok,
            Outcome::ToolError => StepEnd::ToolError,
            Outcome::Failed => StepEnd::Failed,
            Outcome::Denied => StepEnd::Denied,
            Outcome::Cancelled => StepEnd::Cancelled,
            Outcome::Unknown => StepEnd::Unknown,
        },
        reason: step.reason.as_deref(),
        blame: step.blame.as_deref(),
        reply: step.reply.as_ref().map(|reply| ReplyFacts {
            stop: reply.stop.map(toolgate_agent_model::Stop::as_str),
            tokens: of_usage(&reply.usage),
            first: reply.first,
            retries: again(&reply.again),
        }),
        call_id: step.call_id.as_deref(),
    }
}

const fn of_usage(usage: &toolgate_agent_model::Usage) -> TokenFacts {
    TokenFacts {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
    }
}

fn again(whys: &[toolgate_agent_model::Fault]) -> RetryFacts {
    use toolgate_agent_model::Fault;
    let mut retries = RetryFacts::default();
    for why in whys {
        retries.add(match why {
            Fault::TimedOut => ModelRetry::TimedOut,
            Fault::Throttled => ModelRetry::Throttled,
            Fault::Unavailable => ModelRetry::Unavailable,
            Fault::Unreachable
            | Fault::Denied
            | Fault::NotFound
            | Fault::Rejected
            | Fault::TooLong
            | Fault::Protocol => ModelRetry::Unreachable,
        });
    }
    retries
}

/// What all replies cost together.
fn tokens(report: &Report) -> TokenFacts {
    let replies = report.steps.iter().filter_map(|step| step.reply.as_ref());
    let all = replies.fold(toolgate_agent_model::Usage::default(), |all, it| all.plus(it.usage));
    of_usage(&all)
}

const fn end(reason: EndReason) -> End {
    match reason {
        EndReason::Answered => End::Answered,
        EndReason::CutOff => End::CutOff,
        EndReason::Limit => End::Limit,
        EndReason::Stopped => End::Stopped,
        EndReason::Refused => End::Refused,
        EndReason::ModelFailed => End::ModelFailed,
        EndReason::Internal => End::Internal,
    }
}

const fn budget(limit: crate::event::Limit) -> Budget {
    use crate::event::Limit;
    match limit {
        Limit::Steps => Budget::Steps,
        Limit::Calls => Budget::Calls,
        Limit::Tokens => Budget::Tokens,
        Limit::Cost => Budget::Cost,
        Limit::Time => Budget::Time,
    }
}

const fn fetched(renewal: Renewal) -> TokenFetch {
    match renewal {
        Renewal::Ok => TokenFetch::Ok,
        Renewal::Refused => TokenFetch::Refused,
        Renewal::TimedOut => TokenFetch::Timeout,
        Renewal::Unreachable => TokenFetch::Unreachable,
        Renewal::Malformed => TokenFetch::Malformed,
    }
}
