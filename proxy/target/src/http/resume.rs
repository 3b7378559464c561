//! An answer that breaks off is taken up where it stood (2025-11-25 `basic/transports`,
//! "Resumability and Redelivery").
//!
//! Enters: a stream that ended too early, and the id of its last event. Leaves: what comes after it,
//! on another connection. Never: the request again; a stream without ids, or one of a target that
//! keeps no session, is not taken up. The call's own deadline bounds how long it is tried.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use toolgate_call::Ledger;

use super::Inner;
use super::exchange::AnswerBody;
use super::failure::Failure;
use super::reply::Kind;
use super::session::Session;
use super::sse::{Place, SseDecoder};
use super::{request, show};

/// For how long to wait when the target has not said it.
const PAUSE: Duration = Duration::from_secs(1);
/// The least: a target that says 0 and closes at once must not be asked in a circle.
const LEAST: Duration = Duration::from_millis(50);
/// How often in a row it may fail before the call does.
const ATTEMPTS: u32 = 4;
/// And how many streams in a row may end without a single event: some targets keep no answer that
/// came while nobody was connected.
const FRUITLESS: u32 = 3;

/// Where the bytes of an answer come from.
pub(super) struct Source {
    state: State,
    decoder: SseDecoder,
    limit: usize,
    /// Behind which event the last stream was taken up.
    taken_up: Option<Vec<u8>>,
    /// How many streams in a row have brought nothing.
    fruitless: u32,
}

enum State {
    Reading(AnswerBody),
    /// And why the last body ended.
    Resuming(Resuming, Failure),
    Over,
}

type Resuming = Pin<Box<dyn Future<Output = Option<AnswerBody>> + Send>>;

// === impl Source ===

impl Source {
    pub(super) fn new(body: AnswerBody, limit: usize) -> Self {
        let (state, decoder) = (State::Reading(body), SseDecoder::new(limit));
        Self { state, decoder, limit, taken_up: None, fruitless: 0 }
    }

    /// The data of the next event, if it is there.
    ///
    /// # Errors
    /// [`Failure::TooLarge`].
    pub(super) fn next(&mut self) -> Result<Option<bytes::Bytes>, Failure> {
        self.decoder.next().map_err(Failure::TooLarge)
    }

    /// Waits for more bytes, from wherever they come; `None` when there will be none.
    ///
    /// # Errors
    /// Why there will be none. Asked again, it says `None`.
    pub(super) fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        patience: Duration,
        (target, session): (&Arc<Inner>, Option<&Arc<Session>>),
    ) -> Poll<Option<Result<(), Failure>>> {
        let failure = match &mut self.state {
            State::Over => return Poll::Ready(None),
            State::Resuming(resuming, _) => {
                let body = ready!(resuming.as_mut().poll(cx));
                return Poll::Ready(self.resumed(body));
            }
            State::Reading(body) => match ready!(body.poll_data(cx, patience)) {
                Some(Ok(data)) => {
                    self.decoder.push(&data);
                    return Poll::Ready(Some(Ok(())));
                }
                Some(Err(failure @ Failure::Broken(_))) => failure,
                Some(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                None => Failure::Broken("the event stream ended without an answer".to_owned()),
            },
        };
        let place = self.decoder.place().clone();
        let is_fruitless = place.id == self.taken_up;
        self.fruitless = if is_fruitless { self.fruitless + 1 } else { 0 };
        let session = session.filter(|_| self.fruitless < FRUITLESS);
        let Some(resuming) = session.and_then(|session| resuming(target, session, &place)) else {
            self.state = State::Over;
            return Poll::Ready(Some(Err(failure)));
        };
        self.taken_up.clone_from(&place.id);
        self.state = State::Resuming(resuming, failure);
        self.decoder = SseDecoder::from(place, self.limit);
        Poll::Ready(Some(Ok(())))
    }

    fn resumed(&mut self, body: Option<AnswerBody>) -> Option<Result<(), Failure>> {
        let over = std::mem::replace(&mut self.state, State::Over);
        match (body, over) {
            (Some(body), _) => {
                self.state = State::Reading(body);
                Some(Ok(()))
            }
            (None, State::Resuming(_, why)) => Some(Err(why)),
            (None, State::Reading(_) | State::Over) => None,
        }
    }

    /// Whether the stream is one that was taken up.
    pub(super) const fn is_taken_up(&self) -> bool {
        self.taken_up.is_some()
    }

    /// Whoever waits for the next event has another patience from now on.
    pub(super) fn wait_anew(&mut self) {
        if let State::Reading(body) = &mut self.state {
            body.wait_anew();
        }
    }

    /// The answer has come: what is left is of no interest.
    pub(super) fn wind_up(&mut self, target: &Inner, cx: &mut Context<'_>) {
        if let State::Reading(body) = std::mem::replace(&mut self.state, State::Over) {
            body.wind_up(target, cx);
        }
    }

    /// Lets go of it.
    pub(super) fn close(&mut self) {
        self.state = State::Over;
    }
}

/// What takes a stream up behind that place, if it can be.
fn resuming(target: &Arc<Inner>, session: &Arc<Session>, place: &Place) -> Option<Resuming> {
    session.id.as_ref()?;
    let id = place.id.clone()?;
    let pause = place.retry.unwrap_or(PAUSE).max(LEAST);
    tracing::debug!(target = %target.config.target, ?pause, "an answer broke off, and is taken up");
    Some(Box::pin(take_up(Arc::clone(target), Arc::clone(session), (id, pause))))
}

async fn take_up(
    target: Arc<Inner>,
    session: Arc<Session>,
    (after, pause): (Vec<u8>, Duration),
) -> Option<AnswerBody> {
    for attempt in 0..ATTEMPTS {
        tokio::time::sleep(pause.saturating_mul(1 << attempt)).await;
        let outgoing = request::resume(&target, &session, &after)?;
        // The call's own ledger stays in the phase in which the target is waited for.
        let ledger = Ledger::new(Instant::now());
        let opening = show::sent(http::Method::GET, &target, outgoing, &ledger);
        let opened = tokio::time::timeout(target.config.idle_timeout, opening).await;
        match opened {
            Ok(Ok(head)) if head.status.is_success() && Kind::of(&head.headers) == Kind::Sse => {
                return Some(head.body);
            }
            // The session is over, or nothing is kept.
            Ok(Ok(head)) if !head.status.is_server_error() && head.status.as_u16() != 429 => {
                return None;
            }
            Ok(Ok(_) | Err(_)) | Err(_) => {}
        }
    }
    None
}
