//! Word that the list of tools has changed.
//!
//! Enters: the stream of `subscriptions/listen` (2026-07-28), or the GET stream of a session (before
//! it). Leaves: one notice for each time there was word, however often it was said; why the stream
//! ended. Never: a second try of its own; an answer to what an older server asks on the stream.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::answer::{self, Head, Message};
use crate::failure::Failure;
use crate::request::{Along, Ask};
use crate::sse::EventReader;
use crate::transport::causes;
use crate::{Bearer, Client, Progress, Sent};

/// The largest message that is read, in bytes.
const MOST_BYTES: usize = 1024 * 1024;
const CHANGED: &str = "notifications/tools/list_changed";
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
const METHOD_NOT_FOUND: i64 = -32601;

/// Word of changes, until the stream ends. Whoever drops it ends it.
#[derive(Debug)]
pub struct Changes {
    body: Incoming,
    events: EventReader,
    head: Head,
    /// What has come and was not told yet.
    told: Told,
}

#[derive(Debug, Default)]
struct Told {
    changed: bool,
    /// What was accepted: whether changes of tools are told of.
    accepted: Option<bool>,
    ended: Option<Failure>,
}

#[derive(Deserialize)]
struct Acknowledged {
    notifications: Accepted,
}

#[derive(Deserialize)]
struct Accepted {
    #[serde(default, rename = "toolsListChanged")]
    tools: bool,
}

// === impl Client ===

impl Client {
    /// Asks to be told when the list of tools changes, as whoever that token is. `None` when the
    /// other side tells nobody: asking again would come to the same. There is no word of what
    /// changed before: whoever kept a list takes it for old.
    ///
    /// # Errors
    /// Every [`Failure`] but [`Failure::Tool`].
    pub async fn listen(&self, token: Option<&Bearer>) -> Result<Option<Changes>, Failure> {
        let (ask, along) = (Ask::listen(), Along::default());
        let sent = Sent { ask: &ask, along: &along, token, older: None };
        match &self.lifecycle {
            None => served(self.subscribed(&sent).await),
            Some(lifecycle) => Box::pin(lifecycle.listen(self, &sent)).await,
        }
    }

    /// The stream of a subscription, once it was acknowledged.
    pub(crate) async fn subscribed(&self, sent: &Sent<'_>) -> Result<Option<Changes>, Failure> {
        let request = self.request(sent)?;
        self.in_time(async {
            let Some(mut changes) = self.opened(request).await? else { return Ok(None) };
            let is_told = changes.acknowledged().await?;
            Ok(is_told.then_some(changes))
        })
        .await
    }

    /// The stream of a session.
    pub(crate) async fn overheard(&self, sent: &Sent<'_>) -> Result<Option<Changes>, Failure> {
        let mut request = Request::get(self.url.clone()).header(ACCEPT, "text/event-stream");
        if let Some(older) = sent.older {
            request = request.header("MCP-Protocol-Version", &older.version);
        }
        let request = self.addressed(request, sent, String::new())?;
        self.in_time(self.opened(request)).await
    }

    /// `None`: it was answered, and not with a stream.
    async fn opened(&self, request: Request<Full<Bytes>>) -> Result<Option<Changes>, Failure> {
        let response = self.transport.send(request).await?;
        if response.status() == StatusCode::OK && answer::is_stream(response.headers()) {
            return Ok(Some(Changes::of(response)));
        }
        let started = std::time::Instant::now();
        answer::read(response, started, &mut |_: &Progress| {}).await.map(|_| None)
    }

    async fn in_time(
        &self,
        opening: impl Future<Output = Result<Option<Changes>, Failure>>,
    ) -> Result<Option<Changes>, Failure> {
        let late = Failure::TimedOut { after: self.patience, was_sent: true };
        timeout(self.patience, Box::pin(opening)).await.unwrap_or(Err(late))
    }
}

/// A stream, or that there is none here.
pub(crate) fn served(opened: Result<Option<Changes>, Failure>) -> Result<Option<Changes>, Failure> {
    opened.or_else(|failure| if is_final(&failure) { Ok(None) } else { Err(failure) })
}

/// Whether the same question would be answered the same way.
fn is_final(failure: &Failure) -> bool {
    if let Failure::Refused(refused) = failure
        && refused.code == METHOD_NOT_FOUND
    {
        return true;
    }
    let status = failure.head().map_or(0, |head| head.status);
    // Another token, or another time, may be taken.
    let may_change = matches!(status, 401 | 408 | 425 | 429);
    status == 501 || ((400..500).contains(&status) && !may_change)
}

// === impl Changes ===

impl Changes {
    fn of(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let mut head = Head::of(parts.status, parts.headers);
        head.streamed = true;
        Self { body, events: EventReader::new(MOST_BYTES), head, told: Told::default() }
    }

    /// Waits for word that the list has changed.
    ///
    /// # Errors
    /// The stream has ended: [`Failure::Lost`] when the other side said no more than that.
    pub async fn changed(&mut self) -> Result<(), Failure> {
        loop {
            if std::mem::take(&mut self.told.changed) {
                return Ok(());
            }
            self.more().await?;
        }
    }

    /// Waits until the subscription stands; whether it is what was asked for.
    async fn acknowledged(&mut self) -> Result<bool, Failure> {
        loop {
            if let Some(accepted) = self.told.accepted {
                return Ok(accepted);
            }
            self.more().await?;
        }
    }

    /// Reads on.
    async fn more(&mut self) -> Result<(), Failure> {
        if let Some(ended) = self.told.ended.take() {
            return Err(ended);
        }
        let Some(frame) = self.body.frame().await else {
            return Err(lost("the stream of changes ended"));
        };
        let frame = frame.map_err(|error| lost(&causes(&error)))?;
        let Ok(bytes) = frame.into_data() else { return Ok(()) };
        let limit = MOST_BYTES;
        let whole = self.events.push(&bytes).map_err(|_| Failure::TooLarge { limit })?;
        for event in whole {
            // The first event of a stream may be empty (2025-11-25).
            if let Ok(message) = serde_json::from_slice::<Message>(&event) {
                self.told.take(message, &self.head);
            }
        }
        Ok(())
    }
}

// === impl Told ===

impl Told {
    fn take(&mut self, message: Message, head: &Head) {
        match message.method.as_deref() {
            Some(CHANGED) => self.changed = true,
            Some(ACKNOWLEDGED) => {
                let params = message.params.as_deref().map(RawValue::get);
                let accepted = serde_json::from_str::<Acknowledged>(params.unwrap_or_default());
                self.accepted = Some(accepted.is_ok_and(|it| it.notifications.tools));
            }
            None if message.is_answer() => {
                let answered = message.into_answer(head.clone());
                self.ended = Some(answered.err().unwrap_or_else(|| lost("the subscription ended")));
            }
            Some(_) | None => {}
        }
    }
}

fn lost(cause: &str) -> Failure {
    Failure::Lost { cause: cause.to_owned() }
}
