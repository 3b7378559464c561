//! What goes out to one target.
//!
//! Enters: a permitted call, or something the gateway itself asks. Leaves: the unit that timeout,
//! retry and breaker handle. Never: HTTP.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    Abilities, Deadline, Ledger, Method, Permitted, Plan, RawJson, RetryPlan, SpanContext,
};

/// One operation on one target.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// What is asked.
    pub op: Op,
    /// When an answer is of no use any more.
    pub deadline: Deadline,
    /// Where the time goes.
    pub ledger: Arc<Ledger>,
    /// The gateway's id of the request behind it.
    pub request_id: Arc<str>,
    /// The span that the target is to take as its parent: the call's, then that of the attempt.
    /// `None` for what the gateway itself asks.
    pub trace: Option<SpanContext>,
    /// What the target may ask of the caller meanwhile.
    pub abilities: Abilities,
    /// More members of `params` (`"key":value` pairs, comma separated): the answers to what the
    /// target has asked for, which take the same call further.
    pub more: Option<Arc<str>>,
}

/// What is asked of a target.
#[derive(Clone, Debug)]
pub enum Op {
    /// What a caller asks of something that the target offers.
    Call(Arc<Permitted>),
    /// One page of a list, for the gateway's own.
    List {
        /// Of what.
        what: Listed,
        /// The target's cursor, as it gave it.
        cursor: Option<RawJson>,
    },
    /// What the target says of itself: the result of `server/discover` or of `initialize`.
    Describe,
    /// A cheap question that shows whether the target is alive.
    Probe,
}

/// What somebody wants to hear of from a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// The resources of whose changes it is to tell.
    pub uris: BTreeSet<Arc<str>>,
    /// The tasks of whose course it is to tell, by the target's own ids.
    pub tasks: BTreeSet<Arc<str>>,
}

/// The same, shared.
pub type Watched = Arc<Watch>;

/// The lists that a target may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listed {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
}

// === impl Watch ===

impl Watch {
    /// Whether nobody wants to hear of anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uris.is_empty() && self.tasks.is_empty()
    }
}

// === impl Listed ===

impl Listed {
    /// Every list.
    pub const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// By which it is asked for.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Tools => Method::ToolsList,
            Self::Prompts => Method::PromptsList,
            Self::Resources => Method::ResourcesList,
            Self::Templates => Method::TemplatesList,
        }
    }

    /// The list that a method asks for.
    #[must_use]
    pub fn of(method: Method) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.method() == method)
    }

    /// The member of the result that holds the list.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }
}

// === impl Outbound ===

impl Outbound {
    /// The caller's request, if it is one.
    #[must_use]
    pub fn permitted(&self) -> Option<&Permitted> {
        match &self.op {
            Op::Call(permitted) => Some(permitted),
            Op::List { .. } | Op::Describe | Op::Probe => None,
        }
    }

    /// What it is for, if it is a call.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.permitted()?.plan()
    }

    /// What is sent as `tracestate` beside the trace.
    #[must_use]
    pub fn trace_state(&self) -> Option<&Arc<str>> {
        self.permitted()?.call().trace.state.as_ref()
    }

    /// Whether it may be repeated even if it may have been carried out.
    #[must_use]
    pub fn repeatable(&self) -> bool {
        match &self.op {
            // An answer is given once: the target may have taken it already.
            Op::Call(permitted) if self.more.is_some() || permitted.call().frame.is_retry() => {
                false
            }
            Op::Call(permitted) => permitted.plan().is_some_and(|plan| plan.repeatable()),
            Op::List { .. } | Op::Describe | Op::Probe => true,
        }
    }

    /// The limits of what is called, or those of the target for what the gateway itself asks.
    #[must_use]
    pub fn limits(&self, timeout: Duration, retry: RetryPlan) -> (Duration, RetryPlan) {
        self.plan().map_or((timeout, retry), |plan| (plan.timeout, plan.retry))
    }
}
