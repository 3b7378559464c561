//! `pins` as written, for the whole and for a target.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It holds no
//! defaults but those spelt in the comments.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::choice::PinAction;

/// What was approved of the targets' tools, and what is done about differences.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`pins`", extend("required" = ["file"]))]
pub(crate) struct Pins {
    /// The approved definitions; `toolgate pins accept` writes them. A relative path lies beside this file.
    #[schemars(length(min = 1))]
    pub(crate) file: Option<String>,
    /// What is done about tools that differ from what was approved, by how they differ.
    pub(crate) actions: PinActions,
}

/// What is done about differences at this target, over `pins`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`pins` of a target")]
pub(crate) struct TargetPins {
    /// What is done about tools that differ from what was approved; what is not written is as in `pins.actions`.
    pub(crate) actions: PinActions,
}

/// What is done about tools that differ from what was approved, by how they differ. The strictest of several holds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`actions`")]
pub(crate) struct PinActions {
    /// Calls that were right are not any more, or the difference is not understood. Default `quarantine`.
    pub(crate) breaking: Option<PinAction>,
    /// An agent can be made to send, or to trust, more than was approved. Default `quarantine`.
    pub(crate) widened: Option<PinAction>,
    /// It says by its annotations that it is more dangerous than it said. Default `quarantine`.
    pub(crate) annotation_downgrade: Option<PinAction>,
    /// A tool that was not approved; not `pinned`. Default `quarantine`.
    pub(crate) added: Option<PinAction>,
    /// A tool that was approved and is gone; `allow` or `warn`. Default `warn`.
    pub(crate) removed: Option<PinAction>,
    /// Calls that were right still are, and nothing more can be sent. Default `pinned`.
    pub(crate) compatible: Option<PinAction>,
    /// Words that agents read: titles, descriptions, examples, icons. Default `pinned`.
    pub(crate) text: Option<PinAction>,
}
