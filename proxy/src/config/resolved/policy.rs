//! `policy`, as the gateway uses it.
//!
//! In: nothing; `resolve` fills it. Out: rules. It never judges.

use std::path::PathBuf;
use std::sync::Arc;

use toolgate_call::ClaimKind;
use toolgate_guard::cedar::Cedar;

/// The operator's policies.
#[derive(Debug, Clone)]
pub struct Policies {
    /// The policies, understood.
    pub rules: Arc<Cedar>,
    /// Where they are, each with the name that reports have for it.
    pub files: Vec<(String, PathBuf)>,
    /// Whether what no policy speaks of is allowed.
    pub allow: bool,
    /// The claims that they may speak of.
    pub claims: Vec<(String, ClaimKind)>,
}
