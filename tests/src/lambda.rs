//! Lambda: its API for callers in front, its Runtime API behind, and processes that are functions.
//!
//! In: functions, as programs of this workspace or as what they return. Out: where Lambda is, and what it was
//! asked. It takes requests only that are signed for it; a process that is one is the real binary, with nothing but
//! the environment that Lambda gives.

mod function;
mod runtime;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::emulator::CREDENTIALS;
use crate::sigv4::verify;
pub use function::{Function, Ran};

/// The region that requests must be signed for.
pub const REGION: &str = "us-east-1";
/// The largest payload of a call that is waited for, and the longest client context (Lambda API, `Invoke`).
const MOST: (usize, usize) = (6 * 1024 * 1024, 3583);
/// How much of a log is shown.
const TAIL: usize = 4096;

/// One call that Lambda took.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The function.
    pub function: String,
    /// The path and query.
    pub target: String,
    /// The client context, decoded.
    pub context: Value,
    /// `X-Amzn-Trace-Id`.
    pub trace: Option<String>,
    /// The event.
    pub payload: Bytes,
}

/// A running Lambda; dropping it ends its functions.
#[derive(Debug)]
pub struct Lambda {
    address: SocketAddr,
    house: Arc<House>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct House {
    functions: Mutex<HashMap<String, Arc<Function>>>,
    seen: Mutex<Vec<Seen>>,
    refused: Mutex<Vec<String>>,
    /// Calls that are still to be throttled.
    throttled: AtomicUsize,
}

/// An answer to a caller.
struct Said {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

// === impl Lambda ===

impl Lambda {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let house = Arc::<House>::default();
        let serving = Arc::clone(&house);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let house = Arc::clone(&serving);
                let service = service_fn(move |request| answer(Arc::clone(&house), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, house, server })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has one more function; it is started when it is first called.
    pub fn deploy(&self, name: &str, function: Function) -> Arc<Function> {
        let function = Arc::new(function);
        lock(&self.house.functions).insert(name.to_owned(), Arc::clone(&function));
        function
    }

    /// The process of the next call of a function gets that signal as soon as it asks for the event.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn befall(&self, name: &str, signal: Signal) -> Result<()> {
        let found = lock(&self.house.functions).get(name).cloned();
        found.context("no such function")?.befall(signal);
        Ok(())
    }

    /// Has no room for so many calls to come.
    pub fn throttle(&self, calls: usize) {
        self.house.throttled.store(calls, Relaxed);
    }

    /// The calls that reached a function.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.house.seen).clone()
    }

    /// Why requests were refused.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        lock(&self.house.refused).clone()
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    house: Arc<House>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let said = house.invoked(&head, body).await;
    let mut response = Response::new(Full::from(said.body));
    *response.status_mut() = said.status.try_into().unwrap_or_default();
    for (name, value) in said.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

// === impl House ===

impl House {
    async fn invoked(&self, head: &Parts, body: Bytes) -> Said {
        let seen = match self.taken(head, &body) {
            Ok(seen) => seen,
            Err(error) => {
                lock(&self.refused).push(format!("{error:#}"));
                return Said::no(403, "AccessDeniedException", &format!("{error:#}"));
            }
        };
        if body.len() > MOST.0 {
            return Said::no(413, "RequestTooLargeException", "the payload is too large");
        }
        let throttled = self.throttled.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        if throttled.is_ok() {
            return Said::no(429, "TooManyRequestsException", "Rate Exceeded.");
        }
        let found = lock(&self.functions).get(&seen.function).cloned();
        let Some(function) = found else {
            return Said::no(404, "ResourceNotFoundException", &seen.function);
        };
        lock(&self.seen).push(seen.clone());
        Said::of(function.run(&seen).await)
    }

    /// Whether it is a call, signed by who may do that.
    fn taken(&self, head: &Parts, body: &[u8]) -> Result<Seen> {
        let [(_, key), (_, secret), _] = CREDENTIALS;
        let signed = verify(head, body, secret)?;
        let scope = (signed.key.as_str(), signed.region.as_str(), signed.service.as_str());
        ensure!(scope == (key, REGION, "lambda"), "signed for {scope:?}");
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        ensure!(text("x-amz-invocation-type") == Some("RequestResponse"), "another type of call");
        ensure!(text("x-amz-log-type") == Some("Tail"), "the log is not asked for");
        let rest = head.uri.path().strip_prefix("/2015-03-31/functions/").context("the path")?;
        let function = rest.strip_suffix("/invocations").context("the path")?;
        let function = function.replace("%3A", ":");
        let context = text("x-amz-client-context").context("no client context")?;
        ensure!(context.len() <= MOST.1, "a client context of {} bytes", context.len());
        Ok(Seen {
            function: function.rsplit(':').next().unwrap_or_default().to_owned(),
            target: head.uri.to_string(),
            context: serde_json::from_slice(&STANDARD.decode(context)?)?,
            trace: text("x-amzn-trace-id").map(str::to_owned),
            payload: Bytes::copy_from_slice(body),
        })
    }
}

// === impl Said ===

impl Said {
    fn no(status: u16, kind: &str, message: &str) -> Self {
        let body = json!({ "Type": "User", "message": message }).to_string();
        Self { status, headers: vec![("x-amzn-errortype", kind.to_owned())], body: body.into() }
    }

    fn of(ran: Ran) -> Self {
        let log = ran.log.as_bytes();
        let tail = log.get(log.len().saturating_sub(TAIL)..).unwrap_or_default();
        let mut headers = vec![
            ("x-amz-executed-version", "$LATEST".to_owned()),
            ("x-amz-log-result", STANDARD.encode(tail)),
        ];
        headers.extend(ran.error.map(|kind| ("x-amz-function-error", kind.to_owned())));
        Self { status: 200, headers, body: ran.payload }
    }
}
