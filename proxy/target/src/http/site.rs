//! One place on the network.
//!
//! Enters: where it is and what it is shown. Leaves: what every request to it is sent by, and whole answers.
//! Never: what is asked there; MCP servers, APIs and functions are reached alike.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use toolgate_call::{Ledger, Phase};
use toolgate_telemetry::TargetMetrics;

use super::connect::{Connector, UrlError};
use super::failure::Failure;
use super::pool::Pool;
use super::request::Outgoing;
use super::show;
use crate::Credentials;

const USER_AGENT: &str = concat!("toolgate/", env!("CARGO_PKG_VERSION"));

/// See the module.
pub(crate) struct Site {
    pub(super) pool: Arc<Pool>,
    pub(super) credentials: Credentials,
    pub(super) metrics: Arc<TargetMetrics>,
}

/// A whole answer, within its bounds.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What an answer may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes.
    pub(crate) bytes: usize,
    /// How long it may stand still once it has begun.
    pub(crate) idle: Duration,
}

// === impl Site ===

impl Site {
    /// A place. Nothing is connected yet.
    ///
    /// # Errors
    /// A URL that cannot be connected to.
    pub(crate) fn new(
        url: &Uri,
        connect_timeout: Duration,
        credentials: Credentials,
        metrics: Arc<TargetMetrics>,
    ) -> Result<Self, UrlError> {
        let connector = Connector::new(url, connect_timeout)?;
        let pool = Arc::new(Pool::new(connector, Arc::clone(&metrics)));
        Ok(Self { pool, credentials, metrics })
    }

    /// The headers that go with every request: whom it is for, from what, and what does not change of what is
    /// shown.
    pub(crate) fn headers(&self, accept: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(16);
        if let Ok(host) = HeaderValue::from_str(self.pool.connector.authority()) {
            headers.insert(header::HOST, host);
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let fixed: &[(HeaderName, HeaderValue)] = self.credentials.fixed();
        headers.extend(fixed.iter().cloned());
        headers
    }

    /// Asks something of an absolute URL there, and reads the whole answer.
    pub(crate) async fn ask(
        &self,
        to: (Method, &Uri),
        outgoing: Outgoing,
        ledger: &Ledger,
        bounds: Bounds,
    ) -> Result<Whole, Failure> {
        let answered = show::sent_to(to, self, outgoing, ledger).await?;
        ledger.enter(Phase::Receive);
        let body = answered.body.read_all(bounds.bytes, bounds.idle).await?;
        Ok(Whole { status: answered.status, headers: answered.headers, body })
    }

    /// Whether somebody is there: connects, or has a connection.
    pub(crate) async fn touch(&self, ledger: &Ledger) -> Result<(), Failure> {
        Pool::lease(&self.pool, ledger).await?.finish();
        Ok(())
    }
}
