//! The way from the front to the gateway: HTTP, over a pipe in memory or over the network.
//!
//! Enters: a message and its headers. Leaves: a response, or a reason why there is none. Never: a
//! token in an error; a message that is sent twice.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use toolgate_accept::LocalStream;
use toolgate_call::Reason;
use tower::Service;

use super::fault::Fault;
use toolgate_client::transport::{absolute, causes};
use toolgate_client::{Bearer, Trust, trust};

/// Bytes that a connection in memory may hold, in each direction.
const PIPE: usize = 64 * 1024;
/// Idle connections that are kept.
const IDLE: usize = 64;
/// For how long; less than the gateway keeps them.
const IDLE_FOR: Duration = Duration::from_secs(60);
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a silent connection is trusted, how often the other side is asked then whether it is
/// there, and how many times.
const PROBE_AFTER: Duration = Duration::from_secs(20);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;
/// The largest file that is taken for a token.
const TOKEN_FILE: u64 = 64 * 1024;

/// Where the gateway is.
#[derive(Debug)]
pub(crate) struct Gate {
    to: To,
    uri: Uri,
    token: Token,
}

enum To {
    Process(Client<Pipes, Full<Bytes>>),
    Network(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// What is sent as `Authorization`.
#[derive(Clone, Debug, Default)]
pub(crate) enum Token {
    /// Nothing.
    #[default]
    None,
    /// Always the same.
    Fixed(Bearer),
    /// What this file holds when a message is sent, so that it can be changed.
    File(PathBuf),
}

/// Opens connections in memory.
#[derive(Clone, Debug)]
struct Pipes(mpsc::Sender<LocalStream>);

/// Our end of one.
struct Pipe(TokioIo<DuplexStream>);

// === impl Gate ===

impl Gate {
    /// To the gateway in this process, which takes the other ends of connections from a channel.
    ///
    /// # Errors
    /// A server whose name is none.
    pub(crate) fn process(
        streams: mpsc::Sender<LocalStream>,
        server: Option<&str>,
    ) -> Result<Self, String> {
        let uri = match server {
            None => Uri::from_static("http://localhost/mcp"),
            Some(name) => format!("http://localhost/mcp/{name}")
                .parse()
                .map_err(|_| format!("`{name}` cannot name a server"))?,
        };
        Ok(Self { to: To::Process(client().build(Pipes(streams))), uri, token: Token::None })
    }

    /// To a gateway elsewhere.
    ///
    /// # Errors
    /// A URL that is none, a file that cannot be used, or a machine without certificates.
    pub(crate) fn network(url: &str, token: Token, trust: &Trust) -> Result<Self, String> {
        let uri = absolute(url).map_err(|failure| match failure.url_problem() {
            Some((url, problem)) => format!("{url} is not the URL of a gateway: {problem}"),
            None => "this is not the URL of a gateway".to_owned(),
        })?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        // A call may be silent for long; a gateway that is gone may not.
        tcp.set_keepalive(Some(PROBE_AFTER));
        tcp.set_keepalive_interval(Some(PROBE_EVERY));
        tcp.set_keepalive_retries(Some(PROBES));
        let https = HttpsConnectorBuilder::new().with_tls_config(trust.config()?).https_or_http();
        let connector = https.enable_http1().wrap_connector(tcp);
        Ok(Self { to: To::Network(client().build(connector)), uri, token })
    }

    /// Sends one message, and waits for the head of the response.
    pub(super) async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Fault> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        if let Some(token) = self.token.current().await? {
            request.headers_mut().insert(header::AUTHORIZATION, token.header());
        }
        let answered = match &self.to {
            To::Process(client) => client.request(request).await,
            To::Network(client) => client.request(request).await,
        };
        answered.map_err(|error| lost(&error))
    }
}

fn client() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_max_idle_per_host(IDLE).pool_idle_timeout(IDLE_FOR).pool_timer(TokioTimer::new());
    builder
}

fn lost(error: &Error) -> Fault {
    let cause = causes(std::error::Error::source(error).unwrap_or(error));
    if let Some(remedy) = trust::remedy(error) {
        let said = format!("no TLS with the gateway: {cause}; {remedy}");
        return Fault::unsent(Reason::Tls, said);
    }
    if error.is_connect() {
        return Fault::unsent(
            Reason::ConnectRefused,
            format!("the gateway cannot be reached: {cause}"),
        );
    }
    Fault::sent(Reason::Reset, format!("the gateway broke off before it answered: {cause}"))
}

impl fmt::Debug for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process(_) => "Process",
            Self::Network(_) => "Network",
        })
    }
}

// === impl Token ===

impl Token {
    async fn current(&self) -> Result<Option<Bearer>, Fault> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(token) => Ok(Some(token.clone())),
            Self::File(path) => {
                let path = Arc::new(path.clone());
                let reading = tokio::task::spawn_blocking(move || Self::read(&path));
                let read = reading.await.unwrap_or_else(|error| Err(error.to_string()));
                read.map(Some).map_err(|message| Fault::unsent(Reason::Unauthenticated, message))
            }
        }
    }

    /// The token that a file holds.
    ///
    /// # Errors
    /// No such file, or no token in it.
    pub(crate) fn read(path: &std::path::Path) -> Result<Bearer, String> {
        let shown = path.display();
        let size = std::fs::metadata(path).map(|about| about.len());
        if size.is_ok_and(|size| size > TOKEN_FILE) {
            return Err(format!("the token file {shown} is larger than {TOKEN_FILE} bytes"));
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("the token file {shown} cannot be read: {error}"))?;
        Bearer::new(&text).ok_or_else(|| format!("the token file {shown} holds no bearer token"))
    }
}

// === impl Pipes ===

impl Service<Uri> for Pipes {
    type Response = Pipe;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Pipe>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let streams = self.0.clone();
        Box::pin(async move {
            let (ours, theirs) = duplex(PIPE);
            let stopping = |_| io::Error::new(io::ErrorKind::ConnectionRefused, "it is stopping");
            streams.send(theirs).await.map_err(stopping)?;
            Ok(Pipe(TokioIo::new(ours)))
        })
    }
}

// === impl Pipe ===

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
