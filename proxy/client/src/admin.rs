//! One question to an admin server.
//!
//! Enters: a URL of it. Leaves: status and text. Never: a redirect, or more than a bounded answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};

use super::transport::{self, Transport, causes};
use super::{AGENT, Failure};

/// The longest answer, bytes.
const LONGEST: usize = 256 * 1024;

/// Asks, and reads the whole answer.
///
/// # Errors
/// [`Failure::Url`], [`Failure::Unreachable`], [`Failure::Lost`] or [`Failure::TimedOut`].
pub async fn admin(
    method: Method,
    url: &str,
    patience: Duration,
) -> Result<(u16, String), Failure> {
    let uri = transport::absolute(url)?;
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header(USER_AGENT, HeaderValue::from_static(AGENT))
        .body(Full::<Bytes>::default())
        .map_err(|error| Failure::Url { url: url.to_owned(), problem: error.to_string() })?;
    let whole = Box::pin(async {
        let response = Transport::default().send(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| Failure::Lost { cause: causes(&*error) })?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    });
    tokio::time::timeout(patience, whole)
        .await
        .unwrap_or(Err(Failure::TimedOut { after: patience, was_sent: false }))
}
