//! What a caller's certificate says.
//!
//! Enters: a certificate that was verified. Leaves: the names in it, and until when it holds. Never: one
//! that nobody vouched for; a decision on who that is (that is `admit`'s).

use std::sync::Arc;

/// A verified client certificate (RFC 5280), as far as anybody here asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The URIs among its alternative names, such as a SPIFFE ID.
    pub uris: Box<[Box<str>]>,
    /// The DNS names among them.
    pub dns: Box<[Box<str>]>,
    /// The common name of its subject, if there is exactly one.
    pub common_name: Option<Box<str>>,
    /// The beginning of its SHA-256, 16 hexadecimal digits: what logs know it by.
    pub fingerprint: Box<str>,
    /// When it ends, in seconds since the epoch.
    pub expires: u64,
}

/// What a connection shows of its caller. Without a certificate there is none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// A certificate that was verified.
    Verified(Arc<Certificate>),
    /// One that was, by authorities that are not trusted any more.
    Withdrawn(Arc<Certificate>),
}
