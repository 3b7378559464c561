//! What targets are held to.
//!
//! Enters: `pins` of a configuration. Leaves: the contract of each target, for the registry. Never: a
//! file.

use std::collections::HashMap;
use std::sync::Arc;

use toolgate_mcp::contract::{Contract, Contracts};

use crate::config::{PinFile, Pins};

/// The contracts. A target of which nothing was approved is held to nothing, which is not the same
/// as not being held to anything.
pub(crate) fn contracts(pins: Option<&Pins>, approved: Option<&PinFile>) -> Contracts {
    let Some(pins) = pins else { return Contracts::default() };
    let approved = approved.unwrap_or(&pins.approved);
    let contract = |(name, actions): &(String, _)| {
        let tools = approved.targets.get(name);
        let pins: HashMap<_, _> =
            tools.into_iter().flatten().map(|(tool, pin)| (tool.clone(), pin.clone())).collect();
        (name.clone(), Arc::new(Contract { actions: *actions, pins: Some(pins) }))
    };
    Contracts(pins.targets.iter().map(contract).collect())
}
