//! What a request to a memory needs.
//!
//! In: a client, the memory, a time. Out: the same, to be handed on. Never: a cursor that cannot be
//! one of the service; silence about a memory that has gone.

use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_bedrockagentcore::Client;
use aws_smithy_types::DateTime;
use toolgate_agent_memory::{MemoryError, Why};

use super::failure::{Deed, failure};
use super::resource::Resource;
use super::state::State;
use crate::trouble::{Kind, Trouble};

/// The longest cursor.
const LONGEST: usize = 4_096;

/// A memory, as it is read.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) client: Client,
    pub(super) resource: Arc<Resource>,
    pub(super) state: Arc<State>,
    /// What is older is past the retention.
    pub(super) since: SystemTime,
}

// === impl View ===

impl View {
    pub(super) fn id(&self) -> &str {
        &self.resource.id
    }

    pub(super) fn failed(&self, trouble: &Trouble, deed: Deed) -> MemoryError {
        if trouble.kind == Kind::NotFound {
            self.state.doubt();
        }
        failure(trouble, deed, self.id())
    }
}

/// A cursor that came from outside.
pub(super) fn cursor(from: Option<&str>) -> Result<Option<String>, MemoryError> {
    match from {
        Some(word) if word.is_empty() || word.len() > LONGEST || !word.is_ascii() => {
            Err(MemoryError::new(Why::NotSupported, "the cursor is none of this memory"))
        }
        other => Ok(other.map(str::to_owned)),
    }
}

/// Where a list goes on, if it does.
pub(super) fn next(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

/// A time of the service.
pub(super) fn time(at: DateTime) -> SystemTime {
    SystemTime::try_from(at).unwrap_or(SystemTime::UNIX_EPOCH)
}
