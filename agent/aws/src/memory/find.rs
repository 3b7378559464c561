//! Which memory it is.
//!
//! In: an id, a name, whether one may be made. Out: a memory that can be used. Never: a memory that
//! is being deleted, or of another name; a second one of the same name; waits without an end.

use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::Client;
use aws_sdk_bedrockagentcorecontrol::error::BuildError;
use aws_sdk_bedrockagentcorecontrol::types::{
    Memory, MemoryStrategyInput, RecordExpirySpecification, SemanticMemoryStrategyInput,
    UserPreferenceMemoryStrategyInput,
};
use tokio::time::sleep;
use toolgate_agent_memory::{MemoryError, Why};

use super::MemoryOptions;
use super::failure::{Deed, failure};
use super::resource::{Resource, Stage, stage};
use crate::trouble::{Kind, Trouble};

/// Parts of the list of memories that are asked for at most, and the entries of each.
const PARTS: usize = 100;
const PART: i32 = 50;
/// Memories whose ids fit the name and which are looked at.
const CANDIDATES: usize = 20;
/// The days that events can be kept.
const DAYS: (i32, i32) = (3, 365);
/// The fewest days that records can be kept.
const RECORD_DAYS: i32 = 31;
/// The strategies of a memory that is made: names, and the paths of their records. The slash at the
/// end keeps paths apart even where the service looks at how they begin.
const PREFERENCES: (&str, &str) = ("DevOpsPreferences", "/agent/devops/{actorId}/preferences/");
const SEMANTIC: (&str, &str) = ("DevOpsAgentSemantic", "/agent/devops/{actorId}/semantic/");

/// How long things are waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tempo {
    /// Between two looks at a memory that is being made.
    pub(super) poll: Duration,
    /// Looks at it.
    pub(super) polls: u32,
    /// Until a memory that was not found is looked for again.
    pub(super) again: Duration,
}

/// Looks for a memory.
#[derive(Clone, Debug)]
pub(super) struct Finder {
    pub(super) control: Client,
    pub(super) options: MemoryOptions,
    pub(super) tempo: Tempo,
}

// === impl Tempo ===

impl Default for Tempo {
    /// A memory takes two or three minutes to be made.
    fn default() -> Self {
        Self { poll: Duration::from_secs(5), polls: 90, again: Duration::from_secs(30) }
    }
}

// === impl Finder ===

impl Finder {
    /// Finds the memory, or makes it; says whether it was made. `told` hears that it takes long.
    pub(super) async fn find(
        &self,
        told: &(dyn Fn(MemoryError) + Sync),
    ) -> Result<(Resource, bool), MemoryError> {
        if let Some(memory) = self.by_id().await? {
            return Ok((self.ready(memory, told).await?, false));
        }
        if let Some(memory) = self.by_name().await? {
            return Ok((self.ready(memory, told).await?, false));
        }
        let name = &self.options.name;
        if !self.options.create {
            return Err(MemoryError::new(
                Why::Unavailable,
                format!(
                    "there is no memory of the name {name} in this account and region, and none may be made"
                ),
            ));
        }
        match self.make().await? {
            Some(memory) => Ok((self.ready(memory, told).await?, true)),
            // Somebody else was faster.
            None => match self.by_name().await? {
                Some(memory) => Ok((self.ready(memory, told).await?, false)),
                None => Err(MemoryError::new(
                    Why::Unavailable,
                    format!("the name {name} is taken by a memory that is being deleted"),
                )),
            },
        }
    }

    async fn by_id(&self) -> Result<Option<Memory>, MemoryError> {
        let Some(id) = &self.options.id else { return Ok(None) };
        let found = self.look(id).await?.filter(|memory| stage(memory.status()) != Stage::Gone);
        if found.is_none() {
            tracing::warn!(
                id,
                "the memory that is configured is not there; its name is looked for"
            );
        }
        Ok(found)
    }

    /// The memory of that name: of those whose ids begin with it, the first that has it. The list
    /// has no names.
    async fn by_name(&self) -> Result<Option<Memory>, MemoryError> {
        let begins = format!("{}-", self.options.name);
        let mut candidates = Vec::new();
        let mut next = None;
        for _ in 0..PARTS {
            let request = self.control.list_memories().max_results(PART).set_next_token(next);
            let sent = Box::pin(request.send()).await;
            let answer = sent.map_err(|error| self.failed(&Trouble::of(&error), Deed::List))?;
            let usable = answer
                .memories
                .into_iter()
                .filter(|memory| memory.status().is_none_or(|status| stage(status) != Stage::Gone));
            let ids = usable.filter_map(|memory| memory.id);
            candidates.extend(ids.filter(|id| id.starts_with(&begins)));
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        candidates.sort_unstable();
        for id in candidates.iter().take(CANDIDATES) {
            let memory = self.look(id).await?;
            let memory = memory.filter(|memory| {
                memory.name() == self.options.name && stage(memory.status()) != Stage::Gone
            });
            if memory.is_some() {
                return Ok(memory);
            }
        }
        Ok(None)
    }

    async fn look(&self, id: &str) -> Result<Option<Memory>, MemoryError> {
        let sent = Box::pin(self.control.get_memory().memory_id(id).send()).await;
        match sent {
            Ok(answer) => Ok(answer.memory),
            Err(error) => match Trouble::of(&error) {
                trouble if trouble.kind == Kind::NotFound => Ok(None),
                trouble => Err(failure(&trouble, Deed::Look, id)),
            },
        }
    }

    /// Makes it; `None` if there is one of the name.
    async fn make(&self) -> Result<Option<Memory>, MemoryError> {
        let options = &self.options;
        if !is_name(&options.name) {
            let says = "the name of a memory is a letter, then up to 47 letters, digits and `_`; correct `agentcore/memory_name`";
            return Err(MemoryError::new(Why::NotSupported, says));
        }
        let days = days(options.retention);
        let strategies = strategies(days).map_err(|_| {
            MemoryError::new(Why::NotSupported, "a strategy of the memory has no name")
        })?;
        let tags = options.tags.iter().map(|(key, value)| (key.clone(), value.clone()));
        let request = self
            .control
            .create_memory()
            .name(&options.name)
            .description("What a DevOps agent was asked, what it answered, and what follows.")
            .event_expiry_duration(days)
            .set_memory_strategies(Some(strategies))
            .set_tags(Some(tags.collect()).filter(|_| !options.tags.is_empty()));
        match Box::pin(request.send()).await {
            Ok(answer) => Ok(answer.memory),
            Err(error) => match Trouble::of(&error) {
                trouble if trouble.kind == Kind::Conflict => Ok(None),
                trouble => Err(self.failed(&trouble, Deed::Make)),
            },
        }
    }

    /// Waits until it can be used.
    async fn ready(
        &self,
        memory: Memory,
        told: &(dyn Fn(MemoryError) + Sync),
    ) -> Result<Resource, MemoryError> {
        let mut memory = memory;
        for _ in 0..self.tempo.polls {
            match stage(memory.status()) {
                Stage::Ready => return Ok(Resource::of(&memory)),
                Stage::Gone => return Err(gone(memory.id())),
                Stage::Growing => {}
            }
            let id = memory.id().to_owned();
            told(growing(&id));
            sleep(self.tempo.poll).await;
            memory = self.look(&id).await?.ok_or_else(|| gone(&id))?;
        }
        Err(growing(memory.id()))
    }

    fn failed(&self, trouble: &Trouble, deed: Deed) -> MemoryError {
        failure(trouble, deed, &self.options.name)
    }
}

fn growing(id: &str) -> MemoryError {
    MemoryError::new(
        Why::Unavailable,
        format!(
            "the memory {id} is being made, which takes some minutes; nothing is remembered until then"
        ),
    )
}

fn gone(id: &str) -> MemoryError {
    MemoryError::new(
        Why::Unavailable,
        format!(
            "the memory {id} could not be made or is being deleted; look at it in the console of AgentCore"
        ),
    )
}

fn is_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    begins_well && name.len() <= 48 && name.bytes().all(fine)
}

/// Whole days that the service takes.
fn days(retention: Duration) -> i32 {
    let (fewest, most) = DAYS;
    let days = retention.as_secs().div_ceil(86_400);
    i32::try_from(days).unwrap_or(most).clamp(fewest, most)
}

fn strategies(days: i32) -> Result<Vec<MemoryStrategyInput>, BuildError> {
    let expiry = RecordExpirySpecification::RecordExpiryDurationDays(days.max(RECORD_DAYS));
    let preferences = UserPreferenceMemoryStrategyInput::builder()
        .name(PREFERENCES.0)
        .namespace_templates(PREFERENCES.1)
        .record_expiry_specification(expiry.clone())
        .build()?;
    let semantic = SemanticMemoryStrategyInput::builder()
        .name(SEMANTIC.0)
        .namespace_templates(SEMANTIC.1)
        .record_expiry_specification(expiry)
        .build()?;
    Ok(vec![
        MemoryStrategyInput::UserPreferenceMemoryStrategy(preferences),
        MemoryStrategyInput::SemanticMemoryStrategy(semantic),
    ])
}
