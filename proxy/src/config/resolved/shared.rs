//! `limits.shared`, as the gateway uses it.
//!
//! In: nothing; `resolve` fills it. Out: typed values. It never connects.

use std::time::Duration;

use crate::config::choice::OnFailure;
use crate::config::secret::Secret;

/// The Redis in which rate buckets are that gateways share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedRates {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The number of the database.
    pub database: u16,
    /// Whether it is spoken to by TLS.
    pub tls: bool,
    /// Who the gateway is there; `None`: the default user.
    pub user: Option<String>,
    /// Its password; `None`: none.
    pub password: Option<Secret>,
    /// What the names of all keys begin with.
    pub prefix: String,
    /// How long a call waits for an answer.
    pub timeout: Duration,
    /// What becomes of calls without one.
    pub on_failure: OnFailure,
}
