//! What is asked of tokens beyond their profile, and where the gateway may ask by itself.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::address::Host;
use crate::config::text::Text;

/// What else tokens must say.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`claims`")]
pub(crate) struct Claims {
    /// Rules that must hold, every one of them.
    pub(crate) all: Vec<ClaimRule>,
    /// Rules of which one must hold.
    pub(crate) any: Vec<ClaimRule>,
}

/// A rule about one claim: at most one of `equals`, `contains`, `contains_any`; with none, the claim must be there.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a claim rule", extend("required" = ["name"]))]
pub(crate) struct ClaimRule {
    /// The claim, by its exact name.
    #[schemars(length(min = 1))]
    pub(crate) name: Option<String>,
    /// What it must be.
    pub(crate) equals: Option<String>,
    /// What must be in it: an item of a list, or a word of a text.
    #[schemars(length(min = 1))]
    pub(crate) contains: Option<String>,
    /// Of what something must be in it.
    #[schemars(inner(length(min = 1)))]
    pub(crate) contains_any: Vec<String>,
}

/// What the gateway asks by itself: keys of issuers, tokens for targets.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`fetch`")]
pub(crate) struct Fetch {
    /// Hosts of a private network that may be asked, as they stand in URLs. Absent: only public addresses, and what is written of this very machine.
    pub(crate) allow: Vec<Text<Host>>,
}
