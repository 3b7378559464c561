//! Which model thinks.
//!
//! In: a key, or none. Out: the model, its provider and its price. Never: another model than
//! the one that was asked for.

use std::fmt;
use std::sync::Arc;

use toolgate_agent_model::{Model, Usage};

/// A model of the catalogue, ready to be asked.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its key.
    pub key: String,
    /// The provider's id.
    pub id: String,
    /// Who serves it.
    pub model: Arc<dyn Model>,
    /// The most tokens of a reply, where the catalogue says so.
    pub max_tokens: Option<u32>,
}

/// There is no such model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no model `{key}`; there are: {}", known.join(", "))]
pub struct UnknownModel {
    /// What was asked for.
    pub key: String,
    /// What there is.
    pub known: Vec<String>,
}

/// The models that there are.
pub trait Models: fmt::Debug + Send + Sync {
    /// The model of that key; the default without one.
    ///
    /// # Errors
    /// There is no such model.
    fn choose(&self, key: Option<&str>) -> Result<Chosen, UnknownModel>;

    /// US dollars, if the model has prices.
    fn cost(&self, key: &str, usage: &Usage) -> Option<f64>;
}
