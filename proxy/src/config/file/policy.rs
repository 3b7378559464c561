//! `policy` as written.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It never reads a policy.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::ordered::Ordered;

/// Policies in Cedar: what callers may do beyond what their scopes say. They decide on tools, prompts and resources, in lists as in calls.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`policy`", extend("required" = ["files", "default"]))]
pub(crate) struct Policy {
    /// The policies. A relative path lies beside this file.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1)))]
    pub(crate) files: Vec<String>,
    /// What becomes of a call of which no policy speaks.
    pub(crate) default: Option<Unspoken>,
    /// Claims of tokens that policies may speak of, as `principal.claims.NAME`, and their types. A token whose claim is of another type is refused.
    #[schemars(extend("maxProperties" = 32))]
    pub(crate) claims: Ordered<ClaimType>,
}

/// What becomes of a call of which no policy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unspoken {
    /// It goes through, unless a policy forbids it.
    Allow,
    /// It is refused, unless a policy permits it.
    Deny,
}

/// The type of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClaimType {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    Bool,
    /// A list of texts; one text is a list of one.
    List,
}
