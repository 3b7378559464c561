//! AgentCore Memory.
//!
//! Enters: which memory it is; turns, questions. Leaves: a [`Memory`]. Never: a turn that waits for
//! a memory to be made; a record of another actor; a request before it is opened.
//!
//! What was said can be read back at once, in its session. What is concluded from it (preferences,
//! facts) the service finds out on its own: it is there about a minute later, and
//! [`Memory::recall`] knows nothing else. The service keeps an event for the days that the memory was
//! made with; what is older than the retention that is asked for is left out here as well.

mod events;
mod failure;
mod find;
mod forget;
mod labels;
mod names;
mod records;
mod resource;
mod sessions;
mod state;
mod view;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_bedrockagentcore::Client;
use tokio::task::JoinHandle;
use toolgate_agent_memory::{
    Actor, Asking, Event, Forget, Health, Memory, MemoryError, Namespace, Page, Question, Record,
    Session, SessionSummary, Turn,
};

use crate::cloud::Cloud;
use find::{Finder, Tempo};
use state::State;
use view::View;

/// Which memory it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryOptions {
    /// Its id, if it is known. One that is not there any more is passed over.
    pub id: Option<String>,
    /// Its name: a letter, then up to 47 letters, digits and `_`.
    pub name: String,
    /// Whether it may be made if it is not there.
    pub create: bool,
    /// How long things are remembered. A memory is made with it in whole days, from 3 to 365 for
    /// events and from 31 for what is concluded; what is older is not given out in any case.
    pub retention: Duration,
    /// The tags of a memory that is made.
    pub tags: BTreeMap<String, String>,
}

/// A memory that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundMemory {
    /// Its id, to be kept in `agentcore/memory_id`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// It was made for this.
    pub created: bool,
    /// A sentence for the operator.
    pub detail: String,
}

/// AgentCore Memory.
#[derive(Debug)]
pub struct AgentCoreMemory {
    client: Client,
    retention: Duration,
    state: Arc<State>,
    finding: JoinHandle<()>,
}

// === impl AgentCoreMemory ===

impl AgentCoreMemory {
    /// Opens a memory, which is looked for in the background, and looked for again if it is not
    /// found or goes. Until then it answers why it cannot be asked. Must be called in a runtime.
    #[must_use]
    pub fn open(cloud: &Cloud, options: MemoryOptions) -> Self {
        Self::with(cloud, options, Tempo::default())
    }

    /// Finds a memory, or makes it if that is allowed, and waits until it can be used: minutes, if
    /// it is made.
    ///
    /// # Errors
    /// It is not there and may not be made, or AWS does not do it.
    pub async fn ensure(cloud: &Cloud, options: MemoryOptions) -> Result<FoundMemory, MemoryError> {
        ensure(Finder { control: cloud.agentcore_control(), options, tempo: Tempo::default() })
            .await
    }

    fn with(cloud: &Cloud, options: MemoryOptions, tempo: Tempo) -> Self {
        let retention = options.retention;
        let state = Arc::new(State::default());
        let finder = Finder { control: cloud.agentcore_control(), options, tempo };
        let finding = tokio::spawn(state::keep_found(finder, Arc::clone(&state)));
        Self { client: cloud.agentcore(), retention, state, finding }
    }

    /// The memory as it is read now, once it is known whether there is one.
    async fn view(&self, now: SystemTime) -> Result<View, MemoryError> {
        let resource = self.state.resource().await?;
        let since = now.checked_sub(self.retention).unwrap_or(SystemTime::UNIX_EPOCH);
        let (client, state) = (self.client.clone(), Arc::clone(&self.state));
        Ok(View { client, resource, state, since })
    }
}

impl Drop for AgentCoreMemory {
    fn drop(&mut self) {
        self.finding.abort();
    }
}

impl Memory for AgentCoreMemory {
    fn backend(&self) -> &'static str {
        "agentcore"
    }

    fn recall<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a, Vec<Record>> {
        Box::pin(async move {
            let view = self.view(question.now).await?;
            self.state.seen(records::recall(&view, question).await)
        })
    }

    fn remember<'a>(&'a self, turn: &'a Turn) -> Asking<'a, ()> {
        Box::pin(async move {
            let writing = self.state.writing();
            let view = self.view(turn.at).await?;
            self.state.seen(write::remember(&view, turn).await)?;
            writing.done();
            Ok(())
        })
    }

    fn events<'a>(
        &'a self,
        actor: &'a Actor,
        session: &'a Session,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<Event>> {
        Box::pin(async move {
            let view = self.view(SystemTime::now()).await?;
            self.state.seen(events::events(&view, actor, session, from).await)
        })
    }

    fn sessions<'a>(
        &'a self,
        actor: &'a Actor,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<SessionSummary>> {
        Box::pin(async move {
            let view = self.view(SystemTime::now()).await?;
            self.state.seen(sessions::sessions(&view, actor, from).await)
        })
    }

    fn records<'a>(
        &'a self,
        actor: &'a Actor,
        namespace: Namespace,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<Record>> {
        Box::pin(async move {
            let view = self.view(SystemTime::now()).await?;
            self.state.seen(records::records(&view, actor, namespace, from).await)
        })
    }

    fn forget<'a>(&'a self, actor: &'a Actor, what: &'a Forget) -> Asking<'a, u64> {
        Box::pin(async move {
            let view = self.view(SystemTime::now()).await?;
            self.state.seen(forget::forget(&view, actor, what).await)
        })
    }

    fn health(&self) -> Health {
        self.state.health()
    }
}

async fn ensure(finder: Finder) -> Result<FoundMemory, MemoryError> {
    let (resource, created) = finder.find(&|_| ()).await?;
    let detail = resource.detail();
    Ok(FoundMemory { id: resource.id, name: resource.name, created, detail })
}
