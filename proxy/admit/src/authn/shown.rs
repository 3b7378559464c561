//! What a caller shows of itself.
//!
//! Enters: a request, and the connection that it came on. Leaves: what there is to look at. Never: a
//! judgement.

use http::HeaderMap;
use toolgate_call::ClientCertificate;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// What its connection says of its certificate.
    pub certificate: Option<&'a ClientCertificate>,
}

// === impl Shown ===

impl<'a> From<&'a HeaderMap> for Shown<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        Self { headers, certificate: None }
    }
}
