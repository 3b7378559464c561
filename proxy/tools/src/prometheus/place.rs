//! Where a Prometheus is, and what it is shown.
//!
//! Enters: the path of a request. Leaves: its URL and headers. Never: a secret in `Debug`.

use std::fmt;

use http::request::Builder;
use http::{HeaderName, HeaderValue};

use super::Config;
use crate::upstream::{SetupError, base};

/// One's own Prometheus.
pub(super) struct Plain {
    base: String,
    credentials: Option<(HeaderName, HeaderValue)>,
}

// === impl Plain ===

impl Plain {
    pub(super) fn new(config: Config) -> Result<Self, SetupError> {
        Ok(Self { base: base(&config.url)?, credentials: config.credentials })
    }

    /// Its URL, for people.
    pub(super) fn url(&self) -> &str {
        &self.base
    }

    /// With what it is shown.
    pub(super) fn shown(&self, request: Builder) -> Builder {
        match &self.credentials {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({})", self.base)
    }
}
