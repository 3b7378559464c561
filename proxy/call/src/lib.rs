//! The vocabulary at the seams of the gateway: what one stage hands to the next.
//!
//! Enters: nothing. Leaves: types (`Call`, `Permitted`, `Outbound`, `Reply`, `Refusal`, `Outcome`,
//! `Ledger`) and the one pure authorization decision. Never: depends on tokio, hyper or tower,
//! reads a clock on its own account, or does I/O.

mod abilities;
mod ask;
mod ends;
mod frame;
mod level;
mod members;
mod meta;
mod method;
mod raw;
mod version;

mod call;
mod explanation;
mod outbound;
mod plan;
mod policy;
mod reply;
mod rules;

mod ledger;
mod outcome;
mod reason;
mod refusal;

mod certificate;
mod deadline;
mod lifecycle;
mod principal;
mod secret;
mod server;

pub mod name;
pub mod trace;

pub use abilities::{Abilities, ROUTED, TASKS, UI};
pub use ask::{AskKind, MOST_OPEN, OpenQuestions, PATIENCE, Question, Respond, Said};
pub use call::{Call, Mirrored, Session, SessionRef};
pub use certificate::{Certificate, ClientCertificate};
pub use deadline::{By, Deadline};
pub use ends::id_at_ends;
pub use explanation::{Asks, Explanation, Rule, What, Who};
pub use frame::{Frame, FrameParts, MetaEdit, Rewrite, Span};
pub use ledger::{AttemptNote, Ledger, Phase, Phases, Ruling, Run};
pub use level::LogLevel;
pub use lifecycle::Lifecycle;
pub use members::{Members, member, object};
pub use meta::Meta;
pub use method::Method;
pub use outbound::{Listed, Op, Outbound, Watch, Watched};
pub use outcome::Outcome;
pub use plan::{Hint, Kind, Plan, RetryPlan};
pub use policy::{Directory, Permitted, Policy, Resolving, Subject};
pub use principal::{
    Claim, ClaimKind, Claims, LARGEST_CLAIM, MOST_CLAIMS, Peer, Principal, Scopes,
};
pub use raw::RawJson;
pub use reason::{Blame, Reason};
pub use refusal::{Case, Refusal};
pub use reply::{Answer, Body, Event, Events, Guard, Guards, Reply};
pub use rules::{Applied, Asked, Effect, MOST_APPLIED, Rules, Verdict};
pub use secret::{Secret, SubjectToken};
pub use server::{Holder, Server};
pub use trace::{SpanContext, SpanId, Trace, TraceId};
pub use version::{Era, Version};

#[cfg(test)]
mod tests;
