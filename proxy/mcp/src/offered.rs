//! What one target offers right now, for whoever compares it with what was approved.
//!
//! Enters: a target. Leaves: its tools, as it describes them. Never: the catalog: nobody is served
//! from this.

use std::time::Duration;

use toolgate_call::{Listed, RawJson, Refusal};

use crate::contract::Definition;
use crate::{TargetSpec, list};

/// A tool as its target describes it.
#[derive(Clone, Debug)]
pub struct OfferedTool {
    /// The target's name for it.
    pub name: String,
    /// Its description, to the letter.
    pub raw: RawJson,
    /// The same, read.
    pub definition: Definition,
}

/// Asks a target for its tools.
///
/// # Errors
/// Why they could not be had.
pub async fn offered(spec: &TargetSpec, patience: Duration) -> Result<Vec<OfferedTool>, Refusal> {
    let offer = list::fetch(spec, patience).await?;
    let mut lists = offer.lists.into_iter().zip(Listed::ALL);
    let tools = lists.find_map(|(list, of)| list.filter(|_| of == Listed::Tools));
    let read = |item: list::Item| OfferedTool {
        name: item.name.to_string(),
        definition: Definition::read(item.raw().as_bytes()),
        raw: item.raw(),
    };
    Ok(tools.unwrap_or_default().into_iter().map(read).collect())
}

/// Whether a target is there: what the breaker asks of one that failed.
///
/// # Errors
/// Why it is not.
pub async fn probed(spec: &TargetSpec, patience: Duration) -> Result<(), Refusal> {
    list::probe(spec, patience).await
}
