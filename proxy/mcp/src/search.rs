//! Tools that are found by what they are for, instead of by reading a list of all.
//!
//! Enters: a question in everyday words; a call that names another tool. Leaves: the definitions of the
//! tools that answer best, or the other call. Never: a tool that the caller may not call, nor anything
//! that depends on one; a list of words or a model: how tools are found is handed in.

mod answer;
mod own;

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use toolgate_call::{
    Call, Kind, Permitted, Phase, Plan, Policy, Principal, RawJson, Refusal, Reply, Subject,
};

pub use own::{CALL, SEARCH};
pub(crate) use own::{Own, is_own};

use crate::registry::{Catalog, Offered};
use crate::router::Inner;

/// The most tools that one question finds, as with AgentCore's gateway.
pub(crate) const MOST: usize = 10;

/// Whether tools can be searched at a server, and what of them its list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Search {
    /// They cannot.
    #[default]
    Off,
    /// The search tool is on the list with the others.
    Beside,
    /// Nothing is on the list but the search tool and one that calls what was found.
    Only,
}

/// A tool that can be found.
#[derive(Clone, Debug)]
pub struct Findable {
    /// `target___tool`.
    pub full: Arc<str>,
    /// Its definition, as its target gives it.
    pub raw: RawJson,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Full names, the best first.
    pub tools: Vec<Arc<str>>,
    /// Whether their meaning was looked at, or their words alone.
    pub by_meaning: bool,
    /// Tools that were looked for by their words alone, as their meaning is not worked out yet.
    pub waiting: usize,
}

/// Something that was looked for.
pub type Finding = Pin<Box<dyn Future<Output = Found> + Send>>;

/// Finds tools.
pub trait Finder: Send + Sync + fmt::Debug {
    /// These are all tools from now on. It returns at once, whatever work that makes.
    fn know(&self, tools: Vec<Findable>);

    /// The tools that answer a question best, at most so many, of those that may be looked at: the others
    /// make no difference. It waits for no tool's meaning.
    fn find(&self, question: String, may: HashSet<Arc<str>>, most: usize) -> Finding;
}

// === impl Inner ===

impl Inner {
    /// A tool of the gateway's own.
    pub(crate) async fn own(&self, permitted: &Permitted, plan: &Plan) -> Result<Reply, Refusal> {
        let call = permitted.call();
        if plan.kind != Kind::Tool || !is_own(plan) {
            return Err(Refusal::internal("a plan without a target"));
        }
        if *plan.full == *CALL {
            return Ok(answer::not_meant(call));
        }
        let question = match own::question(&call.frame) {
            Ok(question) => question,
            Err(why) => return Ok(answer::mistaken(call, why)),
        };
        let Some(finder) = &self.registry.finder else {
            return Err(Refusal::internal("a search without an index"));
        };
        let server = call.server.as_deref();
        call.ledger.enter(Phase::Wait);
        let catalog = self.registry.introduced(server).await;
        call.ledger.enter(Phase::Authorize);
        let may = visible(&catalog, &self.policy, &call.principal);
        let names = may.iter().map(|tool| Arc::clone(&tool.plan.full)).collect();
        let found = finder.find(question, names, MOST).await;
        let of = |full: &Arc<str>| may.iter().find(|tool| tool.plan.full == *full).copied();
        let tools = found.tools.iter().filter_map(of).collect::<Vec<_>>();
        let info = &self.identity(server).server_info;
        Ok(answer::found(call, &tools, &found, info))
    }

    /// The call that one of [`CALL`] means, if that can be told.
    pub(crate) fn meant(&self, call: &Call) -> Option<Call> {
        let server = call.server.as_deref();
        let view = self.registry.view(server);
        if view.search() != Search::Only || call.name.as_deref() != Some(CALL) {
            return None;
        }
        let (name, frame) = own::meant(&call.frame)?;
        let plan = view.catalog().find(Kind::Tool, &name);
        let mirrored = plan.map(|plan| self.beside(&plan, &frame)).unwrap_or_default();
        Some(Call { name: Some(name), frame, mirrored, ..call.clone() })
    }
}

/// What somebody may call, by the decision that lists and calls go by.
fn visible<'a>(catalog: &'a Catalog, policy: &Policy, who: &Principal) -> Vec<&'a Offered> {
    let may = |tool: &&Offered| policy.decide(who, Subject::One(&tool.plan)).is_ok();
    catalog.found().filter(may).collect()
}

/// Everything that can be found, of lists of tools.
pub(crate) fn findable(catalog: &Catalog) -> Vec<Findable> {
    let tool =
        |tool: &Offered| Findable { full: Arc::clone(&tool.plan.full), raw: tool.raw.clone() };
    catalog.found().map(tool).collect()
}
