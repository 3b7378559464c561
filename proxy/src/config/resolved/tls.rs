//! `tls` and `auth.certificates`, as the gateway uses them.
//!
//! In: nothing; `resolve` fills it. Out: typed values, and what the files hold. It never shows a key.

use std::path::PathBuf;
use std::sync::Arc;

use toolgate_accept::{Material, TlsRules};

/// TLS on the listener.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Where its files are.
    pub files: TlsFiles,
    /// What does not change while it serves.
    pub rules: TlsRules,
    /// What the files hold.
    pub material: Arc<Material>,
}

/// Where the files of TLS are, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities of callers; `None`: callers are not asked.
    pub client_ca: Option<PathBuf>,
}
