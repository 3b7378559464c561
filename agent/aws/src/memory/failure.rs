//! Why AgentCore Memory could not do it.
//!
//! In: what went wrong. Out: a reason of the seam, and a sentence that names what to do. Never:
//! what the service wrote beside its code; words that were to be remembered.

use toolgate_agent_memory::{MemoryError, Why};

use crate::trouble::{Kind, Trouble};

/// What was done when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// The memory was looked at.
    Look,
    /// Memories were listed.
    List,
    /// The memory was made.
    Make,
    /// A turn was written.
    Write,
    /// Records were searched.
    Search,
    /// The events of a session were read.
    Events,
    /// Sessions were read.
    Sessions,
    /// Records were read.
    Records,
    /// One record was read.
    Record,
    /// An event was deleted.
    DropEvent,
    /// A record was deleted.
    DropRecord,
    /// Records were deleted.
    DropRecords,
}

// === impl Deed ===

impl Deed {
    /// The action of policies.
    const fn action(self) -> &'static str {
        match self {
            Self::Look => "GetMemory",
            Self::List => "ListMemories",
            Self::Make => "CreateMemory",
            Self::Write => "CreateEvent",
            Self::Search => "RetrieveMemoryRecords",
            Self::Events => "ListEvents",
            Self::Sessions => "ListSessions",
            Self::Records => "ListMemoryRecords",
            Self::Record => "GetMemoryRecord",
            Self::DropEvent => "DeleteEvent",
            Self::DropRecord => "DeleteMemoryRecord",
            Self::DropRecords => "BatchDeleteMemoryRecords",
        }
    }
}

/// Makes an error of what went wrong with a memory: its id or its name.
pub(super) fn failure(trouble: &Trouble, deed: Deed, memory: &str) -> MemoryError {
    tracing::debug!(
        action = deed.action(),
        code = trouble.code.as_deref(),
        request_id = trouble.request_id.as_deref(),
        "AgentCore Memory did not do it"
    );
    MemoryError::new(why(trouble.kind), sentence(trouble, deed, memory))
}

const fn why(kind: Kind) -> Why {
    match kind {
        Kind::Unreachable | Kind::Unavailable | Kind::Conflict | Kind::NotFound => Why::Unavailable,
        Kind::TimedOut => Why::TimedOut,
        Kind::Credentials | Kind::Denied => Why::Denied,
        Kind::Throttled => Why::Throttled,
        Kind::Quota => Why::Full,
        Kind::Invalid => Why::NotSupported,
        Kind::Garbled => Why::Corrupt,
    }
}

fn sentence(trouble: &Trouble, deed: Deed, memory: &str) -> String {
    let (code, action) = (trouble.code(), deed.action());
    match (trouble.kind, deed) {
        (Kind::Denied, Deed::List | Deed::Make) => format!(
            "AWS does not allow bedrock-agentcore:{action}{code}; add that action to the policy of the agent's role, or write the memory's id into `agentcore/memory_id`"
        ),
        (Kind::Denied, _) => format!(
            "AWS does not allow bedrock-agentcore:{action} on the memory {memory}{code}; add that action, for that memory, to the policy of the agent's role"
        ),
        (Kind::NotFound, _) => format!(
            "AgentCore Memory has no memory {memory} any more{code}; it is looked for again"
        ),
        (Kind::Invalid, Deed::Look) => format!(
            "`{memory}` is no id of a memory{code}; correct `agentcore/memory_id`, or leave it out"
        ),
        (Kind::Invalid, Deed::Make) => format!(
            "a memory {memory} cannot be made like this{code}; make it by hand and write its id into `agentcore/memory_id`"
        ),
        (Kind::Invalid, Deed::Events | Deed::Sessions | Deed::Records) => {
            format!("AgentCore Memory does not know where to go on{code}; begin the list anew")
        }
        _ => trouble.on_the_way("AgentCore Memory"),
    }
}
