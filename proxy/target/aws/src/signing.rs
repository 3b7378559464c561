//! Requests that are signed for AWS (Signature Version 4).
//!
//! Enters: a request whose body is final. Leaves: the headers that sign it, body and all. Never: a second
//! signature after a refusal: what AWS refuses, it refuses for a reason that another one does not mend.

use toolgate_target::{Boxed, Denied, Show, Shown, Unsigned, Whose};
use toolgate_telemetry_aws::{Aws, SigV4};

/// Signs the requests to one target.
#[derive(Debug)]
pub struct Signed(SigV4);

// === impl Signed ===

impl Signed {
    /// Signs for that service, in the region of `aws` or in another one.
    #[must_use]
    pub fn new(aws: &Aws, service: &str, region: Option<&str>) -> Self {
        Self(SigV4::of(aws, service, region))
    }
}

impl Show for Signed {
    fn show<'a>(&'a self, request: Unsigned<'a>) -> Boxed<'a, Result<Shown, Denied>> {
        Box::pin(async move {
            let Unsigned { method, url: uri, headers, body, .. } = request;
            let unsigned = toolgate_telemetry::Unsigned { uri, headers, body };
            match self.0.signed(method.as_str(), unsigned).await {
                Ok(headers) => Ok(Shown { headers, stamp: 0 }),
                Err(why) => Err(Denied::Unavailable { why, again: None }),
            }
        })
    }

    fn refused<'a>(&'a self, _shown: &'a Shown, _whose: &'a Whose) -> Boxed<'a, bool> {
        Box::pin(std::future::ready(false))
    }
}
