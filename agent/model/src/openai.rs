//! Models that speak OpenAI's chat completions: llama.cpp, Ollama, vLLM, and others.
//!
//! In: an [`Ask`]. Out: a `POST {base}/chat/completions` whose reply is heard while it comes.
//! Never: the key in an error or in `Debug`; a redirect followed; a second request after the first
//! word was heard; a reply larger than agreed.

mod body;
mod events;
mod refused;
mod reply;
mod transport;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use self::events::Events;
use self::reply::Reply;
use self::transport::{Broken, Transport};
use crate::{Ask, Fault, Heard, Model, ModelError, Provider, Thinking, Thought};

/// Bytes of a reply that comes in one piece.
const WHOLE: usize = 8 << 20;
/// The longest pause that is worth a second try.
const SHORT: Duration = Duration::from_secs(2);
/// The pause after a connection that did not come about.
const AGAIN: Duration = Duration::from_millis(200);
/// How long the end of a reply is waited for, so that its connection can be used again.
const DRAIN: Duration = Duration::from_secs(1);

/// A server of models.
pub struct OpenAi {
    url: Uri,
    key: Option<Key>,
    transport: Transport,
}

/// What a server knows its callers by. Sent as a bearer token, shown to nobody.
#[derive(Clone)]
pub struct Key(HeaderValue);

/// The key has characters that no header can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API key is empty or has characters that a header cannot carry")]
pub struct BadKey;

/// The address of the server is none, or nothing can be sent to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address of the model server: {0}")]
pub struct BadUrl(String);

/// What became of a try.
enum Tried {
    Answered(Response<Incoming>),
    /// Nothing was heard; after the pause it may go well.
    Again(ModelError, Duration),
    Failed(ModelError),
}

// === impl OpenAi ===

impl OpenAi {
    /// The server below `base_url`, such as `http://127.0.0.1:8080/v1`.
    ///
    /// # Errors
    /// It is no `http` or `https` URL, names a user or a query, or is `https` on a machine without
    /// certificates to trust.
    pub fn new(base_url: &str, key: Option<Key>) -> Result<Self, BadUrl> {
        let url = endpoint(base_url)?;
        let tls = url.scheme_str() == Some("https");
        let transport = Transport::new(tls).map_err(BadUrl)?;
        Ok(Self { url, key, transport })
    }

    async fn reply(
        &self,
        ask: &Ask<'_>,
        heard: &mut dyn Heard,
        until: Instant,
    ) -> Result<Thought, ModelError> {
        let response = Box::pin(self.answered(ask, until)).await?;
        let request_id = refused::request_id(response.headers());
        let with_id = |error: ModelError| ModelError { request_id: request_id.clone(), ..error };
        let kind = response.headers().get(CONTENT_TYPE).cloned();
        let kind = kind.as_ref().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let mut reply = Reply::new(ask.messages);
        if kind.is_empty() || kind.contains("event-stream") {
            self.streamed(response.into_body(), &mut reply, heard).await.map_err(with_id)?;
        } else if kind.contains("json") {
            self.whole(response.into_body(), &mut reply, heard).await.map_err(with_id)?;
        } else {
            let says = "the model server answered neither an event stream nor JSON";
            return Err(with_id(ModelError::new(Fault::Protocol, says)));
        }
        reply.done().map_err(with_id)
    }

    /// The head of a good answer, at the second try if the first was heard by nobody.
    async fn answered(
        &self,
        ask: &Ask<'_>,
        until: Instant,
    ) -> Result<Response<Incoming>, ModelError> {
        let body = Bytes::from(body::body(ask));
        match self.once(ask, body.clone()).await {
            Tried::Answered(response) => Ok(response),
            Tried::Failed(error) => Err(error),
            Tried::Again(error, pause) if Instant::now() + pause >= until => Err(error),
            Tried::Again(_, pause) => {
                tokio::time::sleep(pause).await;
                match self.once(ask, body).await {
                    Tried::Answered(response) => Ok(response),
                    Tried::Failed(error) | Tried::Again(error, _) => Err(error),
                }
            }
        }
    }

    async fn once(&self, ask: &Ask<'_>, body: Bytes) -> Tried {
        let request = match self.request(ask, body) {
            Ok(request) => request,
            Err(error) => return Tried::Failed(error),
        };
        let response = match self.transport.send(request).await {
            Ok(response) => response,
            Err(Broken { error, unheard: true }) => return Tried::Again(error, AGAIN),
            Err(Broken { error, unheard: false }) => return Tried::Failed(error),
        };
        if response.status().is_success() {
            return Tried::Answered(response);
        }
        let may = matches!(response.status().as_u16(), 429 | 503);
        let error = refused::refused(response, self.key.as_ref()).await;
        match error.retry_after.filter(|pause| may && *pause <= SHORT) {
            Some(pause) => Tried::Again(error, pause),
            None => Tried::Failed(error),
        }
    }

    fn request(&self, ask: &Ask<'_>, body: Bytes) -> Result<Request<Full<Bytes>>, ModelError> {
        let mut request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        if let Some(Key(bearer)) = &self.key {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let trace = ask.traceparent.and_then(|trace| HeaderValue::from_str(trace).ok());
        if let Some(trace) = trace {
            request = request.header("traceparent", trace);
        }
        let wrong = |_| ModelError::new(Fault::Rejected, "the request could not be put together");
        request.body(Full::new(body)).map_err(wrong)
    }

    async fn streamed(
        &self,
        mut body: Incoming,
        reply: &mut Reply,
        heard: &mut dyn Heard,
    ) -> Result<(), ModelError> {
        let mut events = Events::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| transport::lost(&error))?;
            let Some(bytes) = frame.data_ref() else { continue };
            events.feed(bytes, &mut |data| reply.event(data, heard, self.key.as_ref()))?;
            if reply.is_over() {
                tokio::spawn(timeout(DRAIN, drain(body)));
                return Ok(());
            }
        }
        events.end(&mut |data| reply.event(data, heard, self.key.as_ref()))
    }

    async fn whole(
        &self,
        body: Incoming,
        reply: &mut Reply,
        heard: &mut dyn Heard,
    ) -> Result<(), ModelError> {
        let bytes = Limited::new(body, WHOLE).collect().await;
        let bytes = bytes.map_err(|error| transport::lost(&*error))?.to_bytes();
        let text = std::str::from_utf8(&bytes).map_err(|_| events::garbage())?;
        reply.event(text, heard, self.key.as_ref())?;
        reply.close();
        Ok(())
    }
}

impl Model for OpenAi {
    fn provider(&self) -> Provider {
        Provider::OpenAi
    }

    fn think<'a>(&'a self, ask: &'a Ask<'a>, heard: &'a mut dyn Heard) -> Thinking<'a> {
        Box::pin(async move {
            let until = Instant::now() + ask.patience;
            let replied = timeout(ask.patience, Box::pin(self.reply(ask, heard, until))).await;
            replied.unwrap_or_else(|_| {
                let says = format!("the model took longer than {:?}", ask.patience);
                Err(ModelError::new(Fault::TimedOut, says))
            })
        })
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.to_string();
        f.debug_struct("OpenAi").field("url", &url).field("key", &self.key).finish_non_exhaustive()
    }
}

// === impl Key ===

impl Key {
    /// A key.
    ///
    /// # Errors
    /// It is empty, or has characters that no header can carry.
    pub fn new(key: &str) -> Result<Self, BadKey> {
        let key = key.trim();
        if key.is_empty() {
            return Err(BadKey);
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| BadKey)?;
        bearer.set_sensitive(true);
        Ok(Self(bearer))
    }

    /// A text without the key, should it be in there.
    fn out_of(&self, text: &str) -> String {
        let bearer = self.0.to_str().ok();
        let key = bearer.and_then(|bearer| bearer.strip_prefix("Bearer "));
        key.map_or_else(|| text.to_owned(), |key| text.replace(key, "[key]"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// Reads what is left of a body, for the sake of its connection.
async fn drain(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// Where completions are asked for.
fn endpoint(base_url: &str) -> Result<Uri, BadUrl> {
    let wrong = |says: &str| BadUrl(says.to_owned());
    let base = base_url.trim().trim_end_matches('/');
    if !base.starts_with("http://") && !base.starts_with("https://") {
        return Err(wrong("it must begin with http:// or https://"));
    }
    let uri: Uri = base.parse().map_err(|_| wrong("it is not a URL"))?;
    let host = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    if host.is_empty() || host.starts_with(':') || host.contains('@') {
        return Err(wrong("it must name a host, and no user or password"));
    }
    if base.contains(['?', '#']) {
        return Err(wrong("it may not have a query or a fragment"));
    }
    format!("{base}/chat/completions").parse().map_err(|_| wrong("it is not a URL"))
}
