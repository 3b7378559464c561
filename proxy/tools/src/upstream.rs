//! Requests to whoever knows the answer.
//!
//! Enters: a request. Leaves: a whole answer within a bound of bytes and time, or a `ToolError` that
//! names the upstream. Never: a redirect, a proxy from the environment, a body beyond the bound, or
//! a certificate that was not verified.

mod certificate;
mod failure;
mod pieces;
mod transport;
mod trust;

use std::error::Error as _;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::context::Context;
use crate::error::{Code, Source, ToolError, words};
use pieces::Pieces;
use transport::Transport;

pub(crate) use failure::causes;
pub(crate) use trust::{Shown, Trust};

/// How much later than agreed it is given up on an answer that has not begun.
const GRACE: Duration = Duration::from_millis(100);

/// How this program names itself.
const AGENT: &str = concat!("toolgate/", env!("CARGO_PKG_VERSION"));

/// Headers in which upstreams tell their own id of a request.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-request-id"];

/// The longest wait that an upstream may ask for and is passed on.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Why a set of tools cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError(String);

/// One upstream.
#[derive(Clone)]
pub(crate) struct Upstream {
    service: Arc<str>,
    transport: Arc<Transport>,
    most_bytes: usize,
}

/// How an answer is read that goes on for a while.
pub(crate) struct Following<'a> {
    /// When it has been read for long enough. What came until then is the answer.
    pub(crate) until: Instant,
    /// Of a good answer, that much of the newest is kept; what came before is let go.
    pub(crate) keep: usize,
    /// Hears each piece of a good answer when it comes, and says whether it is to go on.
    pub(crate) hear: &'a mut (dyn FnMut(&[u8]) -> ControlFlow<()> + Send),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body, within the bound.
    pub(crate) body: Bytes,
    service: Arc<str>,
}

// === impl Upstream ===

impl Upstream {
    /// An upstream that errors call `service`, whose answers have at most `most_bytes`.
    pub(crate) fn new(service: &str, most_bytes: usize) -> Self {
        Self { service: Arc::from(service), transport: Arc::default(), most_bytes }
    }

    /// The same with a TLS of its own.
    pub(crate) fn trusting(service: &str, most_bytes: usize, trust: &Trust) -> Self {
        let transport = Arc::new(Transport::trusting(trust));
        Self { service: Arc::from(service), transport, most_bytes }
    }

    /// Sends, and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// No connection, no answer in time, or too much of it.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        context: &Context,
    ) -> Result<Answer, ToolError> {
        let (answer, pieces) = self.send_for_pieces(request, context).await?;
        Ok(Answer { body: pieces.whole(), ..answer })
    }

    /// The same for answers that may be large: the body stays in pieces, for [`Answer::json_of`].
    ///
    /// # Errors
    /// Those of [`Self::send`].
    pub(crate) async fn send_for_pieces(
        &self,
        request: Request<Full<Bytes>>,
        context: &Context,
    ) -> Result<(Answer, Pieces), ToolError> {
        let limit = context.for_upstream();
        let exchange = self.exchange(request, None);
        timeout(limit, exchange).await.unwrap_or_else(|_| {
            let message = format!(
                "{} did not answer within {:.1} s; ask for less, or try again later",
                self.service,
                limit.as_secs_f64(),
            );
            Err(self.failed(Code::Timeout, message))
        })
    }

    /// Sends, and reads the answer until it ends or for as long as agreed. Of a good one the newest is kept.
    ///
    /// # Errors
    /// Those of [`Self::send`].
    pub(crate) async fn follow(
        &self,
        request: Request<Full<Bytes>>,
        following: Following<'_>,
    ) -> Result<Answer, ToolError> {
        let until = following.until;
        let (answer, pieces) = tokio::select! {
            biased;
            came = self.exchange(request, Some(following)) => came?,
            () = sleep_until(until + GRACE) => {
                let message = format!("{} did not begin to answer in time", self.service);
                return Err(self.failed(Code::Timeout, message));
            }
        };
        Ok(Answer { body: pieces.whole(), ..answer })
    }

    async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        following: Option<Following<'_>>,
    ) -> Result<(Answer, Pieces), ToolError> {
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        let response = self.transport.send(request).await.map_err(|problem| {
            let (service, line) = (&self.service, words(&problem.line));
            if problem.of_certificate {
                return self.failed(Code::Denied, certificate::refused(service, &line));
            }
            self.failed(Code::Unreachable, format!("{service} cannot be reached: {line}"))
        })?;
        let (head, body) = response.into_parts();
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body: Bytes::new(),
            service: Arc::clone(&self.service),
        };
        let mut following = following.filter(|_| answer.status.is_success());
        // What goes on is bounded by what is kept of it, and by its time.
        let most = if following.is_some() { usize::MAX } else { self.most_bytes };
        let (mut body, mut pieces) = (Limited::new(body, most), Pieces::default());
        let ended = loop {
            let frame = match &following {
                None => body.frame().await,
                Some(Following { until, .. }) => match timeout_at(*until, body.frame()).await {
                    Ok(frame) => frame,
                    Err(_) => break Ok(()),
                },
            };
            match frame.transpose() {
                Ok(Some(frame)) => {
                    let data: &[u8] = frame.data_ref().map_or(&[], |data| data);
                    pieces.push(data);
                    match following.as_mut().map(|following| following.took(data, &mut pieces)) {
                        None | Some(ControlFlow::Continue(())) => {}
                        Some(ControlFlow::Break(())) => break Ok(()),
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        match ended {
            Ok(()) => Ok((answer, pieces)),
            Err(error) if error.is::<LengthLimitError>() => {
                let most = self.most_bytes / 1024;
                let message =
                    format!("{} answered with more than {most} KiB; ask for less", self.service);
                Err(answer.failed(Code::TooLarge, message))
            }
            Err(error) => {
                let cause = words(&causes(&*error));
                let message = format!("{} broke off in its answer: {cause}", self.service);
                Err(answer.failed(Code::Unreachable, message))
            }
        }
    }

    fn failed(&self, code: Code, message: String) -> ToolError {
        let source = Source { service: self.service.to_string(), ..Source::default() };
        ToolError::new(code, message).caused_by(source)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("service", &self.service).finish_non_exhaustive()
    }
}

// === impl Following ===

impl Following<'_> {
    /// Hears what is in the pieces by now.
    fn took(&mut self, data: &[u8], pieces: &mut Pieces) -> ControlFlow<()> {
        pieces.keep(self.keep);
        (self.hear)(data)
    }
}

// === impl Answer ===

impl Answer {
    /// Itself, if its status is a good one.
    ///
    /// # Errors
    /// What the status says.
    pub(crate) fn good(self) -> Result<Self, ToolError> {
        if self.status.is_success() { Ok(self) } else { Err(self.by_status()) }
    }

    /// The body as JSON of that shape.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        serde_json::from_slice(&self.body).map_err(|error| self.garbled(&error.to_string()))
    }

    /// The same, of a body in pieces: none of it is copied to be read.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn json_of<T: DeserializeOwned>(&self, pieces: Pieces) -> Result<T, ToolError> {
        serde_json::from_reader(pieces.reader()).map_err(|error| self.garbled(&error.to_string()))
    }

    /// What the status alone says of a failure.
    pub(crate) fn by_status(&self) -> ToolError {
        let (service, status) = (&self.service, self.status.as_u16());
        let said = words(&String::from_utf8_lossy(&self.body));
        let said = if said.is_empty() || said.starts_with('<') {
            String::new()
        } else {
            format!(": {said}")
        };
        let (code, message) = match status {
            401 | 403 => (
                Code::Denied,
                format!(
                    "{service} does not let this gateway in ({status}); only its operator can \
                     change that{said}"
                ),
            ),
            404 | 410 => (Code::NotFound, format!("{service} does not have that ({status}){said}")),
            408 | 504 => (Code::Timeout, format!("{service} took too long ({status}){said}")),
            429 => (Code::RateLimited, format!("{service} takes no more requests for now{said}")),
            500.. => (Code::UpstreamError, format!("{service} has failed ({status}){said}")),
            300..=399 => (
                Code::Misconfigured,
                format!("{service} points elsewhere ({status}), which is not followed"),
            ),
            _ => (Code::Refused, format!("{service} refuses this request ({status}){said}")),
        };
        self.failed(code, message)
    }

    /// The answer is not what it should be.
    pub(crate) fn garbled(&self, problem: &str) -> ToolError {
        let problem = words(problem);
        let message = format!("{} answered what cannot be read: {problem}", self.service);
        self.failed(Code::Garbled, message)
    }

    /// A failure that this answer shows.
    pub(crate) fn failed(&self, code: Code, message: impl Into<String>) -> ToolError {
        let id = REQUEST_IDS.iter().find_map(|name| self.headers.get(*name)?.to_str().ok());
        let source = Source {
            service: self.service.to_string(),
            status: Some(self.status.as_u16()),
            request_id: id.map(words),
        };
        ToolError::new(code, message).caused_by(source).after(self.retry_after())
    }

    /// `Retry-After` in seconds (RFC 9110, 10.2.3); a date is not read.
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
    }
}

// === impl SetupError ===

impl SetupError {
    /// A sentence for the operator.
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SetupError {}

/// The URL below a base that the operator has written, whose own path and slash at the end do not matter.
///
/// # Errors
/// The base is not an absolute `http` or `https` URL, or holds more than a path.
pub(crate) fn base(url: &str) -> Result<String, SetupError> {
    let wrong = |problem: &str| SetupError::new(format!("the URL {problem}"));
    let parsed: Uri = url.parse().map_err(|_| wrong("cannot be read"))?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) {
        return Err(wrong("must begin with http:// or https://"));
    }
    if parsed.authority().is_none_or(|host| host.as_str().contains('@')) {
        return Err(wrong("must name a host, and no user or password"));
    }
    if parsed.query().is_some() {
        return Err(wrong("must not have a query"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// A form body (WHATWG URL, `application/x-www-form-urlencoded`), every byte but RFC 3986's
/// unreserved ones by its number: whatever signs it and whatever reads it see the same.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encoded(name), encoded(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// A text as it may stand in a query, a form or a segment of a path.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// The text behind percent signs and `+` (WHATWG URL, 5.1); a percent sign that begins no byte stays.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        rest = after;
        bytes.push(match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                rest = after.get(2..).unwrap_or_default();
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            (b'+', ..) => b' ',
            (other, ..) => *other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A request, or the sentence that it cannot be written.
pub(crate) fn request(
    builder: http::request::Builder,
    body: impl Into<Bytes>,
) -> Result<Request<Full<Bytes>>, ToolError> {
    builder.body(Full::new(body.into())).map_err(|error| {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        ToolError::new(Code::Internal, format!("a request that cannot be written: {cause}"))
    })
}

#[cfg(test)]
mod tests;
