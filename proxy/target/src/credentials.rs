//! What the gateway shows a target: its own credentials, never a caller's.
//!
//! Enters: a request that is about to leave. Leaves: the headers that show who asks, or why there are
//! none. Never: the token of a caller in them; a second request when a target says no for the second
//! time; a secret in an error or in `Debug`.

mod cache;
mod caller;
mod client;
mod endpoint;
mod form;
pub mod grants;
mod outage;
mod place;
mod secret;
mod slot;
#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use toolgate_call::{Principal, Secret, SubjectToken};

pub use caller::TokenExchange;
pub use client::ClientCredentials;
pub use endpoint::{ClientAuth, Endpoint, EndpointConfig};
pub use place::Place;
pub use secret::{HeaderSecret, Kept, Vault};

/// A future that is handed across a seam.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the gateway shows a target.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The same headers with every request, none for a target that wants none. Marked sensitive.
    Fixed(Vec<(HeaderName, HeaderValue)>),
    /// What is decided for each request.
    Live(Arc<dyn Show>),
}

/// Decides what is shown with a request.
pub trait Show: Send + Sync + fmt::Debug {
    /// The headers for that request. Marked sensitive.
    ///
    /// # Errors
    /// Why there are none; the request must not be sent without.
    fn show<'a>(&'a self, request: Unsigned<'a>) -> Boxed<'a, Result<Shown, Denied>>;

    /// The target has answered 401 to what was shown. Whether there is, or may be, something else to
    /// show now: then it is asked for once more.
    fn refused<'a>(&'a self, shown: &'a Shown, whose: &'a Whose) -> Boxed<'a, bool>;
}

/// A request without its credentials.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// How.
    pub method: &'a Method,
    /// Where to: absolute.
    pub url: &'a Uri,
    /// The headers so far.
    pub headers: &'a HeaderMap,
    /// All of the body.
    pub body: &'a [u8],
    /// For whom.
    pub whose: &'a Whose,
}

/// For whom something is asked.
#[derive(Clone, Debug, Default)]
pub enum Whose {
    /// The gateway: lists, handshakes, probes, what is said beside a call.
    #[default]
    Gateway,
    /// A caller; with the token that they have shown, if it is one of an issuer's and is kept.
    Caller(Arc<Principal>, Option<Subject>),
}

/// The verified token of a caller.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The token.
    pub token: SubjectToken,
    /// When it ends, in seconds since the epoch.
    pub ends: Option<u64>,
}

/// What is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// By which whoever made them knows them again.
    pub stamp: u64,
}

/// Why there is nothing to show. The texts are for the operator, and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The target is asked on behalf of a caller, who has shown no token to do that with.
    NoSubject,
    /// The caller has not let the gateway do anything there yet.
    NoGrant {
        /// The page where they can. Whoever has it can agree in their place.
        page: Secret,
    },
    /// Whoever issues them, or keeps the secret, does not give any.
    Unavailable {
        /// Why.
        why: String,
        /// When another try may go better; `None`: somebody has to do something first.
        again: Option<Duration>,
    },
}

// === impl Credentials ===

impl Credentials {
    /// Nothing is shown.
    #[must_use]
    pub const fn none() -> Self {
        Self::Fixed(Vec::new())
    }

    /// The headers that go with every request.
    pub(crate) fn fixed(&self) -> &[(HeaderName, HeaderValue)] {
        match self {
            Self::Fixed(headers) => headers,
            Self::Live(_) => &[],
        }
    }

    pub(crate) fn live(&self) -> Option<&Arc<dyn Show>> {
        match self {
            Self::Fixed(_) => None,
            Self::Live(live) => Some(live),
        }
    }
}

/// A header value that nothing shows.
///
/// # Errors
/// It cannot stand in a header.
pub(crate) fn sensitive(text: String) -> Result<HeaderValue, Denied> {
    let mut value = HeaderValue::try_from(text).map_err(|_| Denied::Unavailable {
        why: "the secret cannot stand in a header".to_owned(),
        again: None,
    })?;
    value.set_sensitive(true);
    Ok(value)
}
