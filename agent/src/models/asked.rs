//! How a model did when it was last asked.
//!
//! Enters: asks. Leaves: what the model replies, and why it did not reply the last time. Never: a
//! word of a question or of a reply; a reply that is waited for longer than the ask says.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::time::timeout;
use toolgate_agent_model::{Ask, Fault, Heard, Model, ModelError, Provider, Thinking};

/// A model that is watched.
#[derive(Debug)]
pub(super) struct Asked {
    model: Arc<dyn Model>,
    wrong: ArcSwapOption<String>,
}

// === impl Asked ===

impl Asked {
    pub(super) fn new(model: &Arc<dyn Model>) -> Arc<Self> {
        Arc::new(Self { model: Arc::clone(model), wrong: ArcSwapOption::empty() })
    }

    /// Why there was no reply the last time, if there was none.
    pub(super) fn wrong(&self) -> Option<Arc<String>> {
        self.wrong.load_full()
    }
}

impl Model for Asked {
    fn provider(&self) -> Provider {
        self.model.provider()
    }

    fn think<'a>(&'a self, ask: &'a Ask<'a>, heard: &'a mut dyn Heard) -> Thinking<'a> {
        Box::pin(async move {
            let thought = timeout(ask.patience, self.model.think(ask, heard)).await;
            let thought = thought.unwrap_or_else(|_| {
                let says = format!("the model took longer than {:?}", ask.patience);
                Err(ModelError::new(Fault::TimedOut, says))
            });
            self.wrong.store(thought.as_ref().err().map(|error| Arc::new(error.message.clone())));
            thought
        })
    }
}
