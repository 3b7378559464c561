//! A body with several messages: a batch of 2025-03-26 (`basic`, "Batching"; later revisions have
//! none).
//!
//! Enters: an array, of a session that agreed on that revision. Leaves: the same as of as many
//! requests: a call each, with an exchange and a record of its own, and one response for all. Never:
//! more messages than the limit; a part of a batch that is wrong as a whole.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use toolgate_call::{
    Call, Case, Era, Holder, Method, RawJson, Refusal, Reply, SessionRef, Version,
};
use tower::Service;

use super::Line;
use super::budget::Charge;
use crate::decode::{self, Decoded, Known, Rejected};
use crate::exchange::{Exchange, Finisher};
use crate::{Answering, Body, batch, record};

/// The most messages of a batch.
const MOST: usize = 50;

/// A body that is an array, and what it is charged.
pub(super) struct Several {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) charge: Option<Charge>,
}

/// A message of the batch, good or not.
type Decoding = Result<Decoded, Rejected>;

type Negotiate = dyn Fn(&str, Holder<'_>) -> Result<Version, Refusal> + Send + Sync;

/// Asks which revision a session has agreed on.
#[derive(Clone)]
pub struct Negotiated(Arc<Negotiate>);

/// The messages of an array, as they came.
struct Pieces<'a>(Vec<&'a RawValue>);

/// What a piece is, to be told apart before any of them is served.
#[derive(Default, Deserialize)]
struct Piece {
    #[serde(default)]
    result: Option<IgnoredAny>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

// === impl Negotiated ===

impl Negotiated {
    /// Asks by this function.
    pub fn new<F>(ask: F) -> Self
    where
        F: Fn(&str, Holder<'_>) -> Result<Version, Refusal> + Send + Sync + 'static,
    {
        Self(Arc::new(ask))
    }
}

impl fmt::Debug for Negotiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Negotiated")
    }
}

impl Line {
    /// Serves them all at once; each may be refused by itself.
    pub(super) async fn several<S>(
        self: &Arc<Self>,
        inner: S,
        exchange: &Arc<Exchange>,
        several: Several,
        (json, sse): (bool, bool),
    ) -> Response<Body>
    where
        S: Service<Call, Response = Reply, Error = Refusal> + Clone + Send + 'static,
        S::Future: Send,
    {
        let pieces = match self.pieces(exchange, &several) {
            Ok(pieces) => pieces,
            Err(refusal) => {
                let known = Known::of(&several.headers);
                return self.rejected(exchange, Rejected { refusal, known });
            }
        };
        let said = |(_, piece): &(usize, Decoding)| {
            piece.as_ref().is_ok_and(|decoded| decoded.method == Method::Response)
        };
        let are_answers = pieces.iter().all(said);
        let members = pieces.into_iter().zip(1..).map(|((size, piece), number)| {
            let member = exchange.member(number);
            member.ledger.add_bytes_in(size);
            self.member(inner.clone(), member, piece, sse)
        });
        let held = several.charge.map(batch::held);
        let mut response = batch::answer(members.collect(), held, json || are_answers).await;
        // Nobody waits for an answer to an answer: what was not taken is told by the status.
        if are_answers && response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        response
    }

    /// The messages, each with its size, if they may come together at all.
    fn pieces(
        &self,
        exchange: &Exchange,
        several: &Several,
    ) -> Result<Vec<(usize, Decoding)>, Refusal> {
        let Several { headers, body, .. } = several;
        self.may_come_together(exchange, headers)?;
        let depth = self.layer.config.depth;
        let pieces: Vec<_> = split(body, depth)?
            .into_iter()
            .map(|piece| (piece.len(), decode::decode(headers, &piece, depth)))
            .collect();
        let mut ids = HashSet::with_capacity(pieces.len());
        for (_, piece) in &pieces {
            let (id, method, version) = match piece {
                Ok(decoded) => (decoded.id.as_ref(), Some(decoded.method), Some(decoded.version)),
                Err(Rejected { known, .. }) => (known.id.as_ref(), known.method, known.version),
            };
            fits(method, version)?;
            if id.is_some_and(|id| !ids.insert(read(id))) {
                return Err(refuse("two messages of the batch have the same `id`"));
            }
        }
        Ok(pieces)
    }

    /// Only a session of 2025-03-26 may send batches. Asked before anything is parsed.
    fn may_come_together(&self, exchange: &Exchange, headers: &HeaderMap) -> Result<(), Refusal> {
        let only =
            "a batch is accepted in a session of 2025-03-26 only; send one request at a time";
        if decode::legacy_version(headers)? != Version::V2025_03_26 {
            return Err(refuse(only));
        }
        let SessionRef::Claimed(id) = decode::claimed_session(headers)? else {
            return Err(refuse(only));
        };
        let Some(principal) = exchange.principal.get() else {
            return Err(Refusal::internal("a request without a principal"));
        };
        let holder = Holder { principal, server: exchange.server() };
        let agreed = (self.layer.negotiated.0)(&id, holder)?;
        if agreed == Version::V2025_03_26 { Ok(()) } else { Err(refuse(only)) }
    }

    /// One message of the batch, served as if it had come alone. A panic is its own only.
    fn member<S>(
        self: &Arc<Self>,
        inner: S,
        exchange: Arc<Exchange>,
        piece: Decoding,
        sse: bool,
    ) -> Answering
    where
        S: Service<Call, Response = Reply, Error = Refusal> + Send + 'static,
        S::Future: Send,
    {
        let (line, telemetry) = (Arc::clone(self), Arc::clone(&self.layer.telemetry));
        let active = telemetry.gateway.request_started();
        let finisher = Finisher { exchange: Arc::clone(&exchange), telemetry, _active: active };
        Box::pin(async move {
            let answering = async {
                match piece {
                    Ok(decoded) => line.answer(inner, &exchange, decoded, (true, sse)).await,
                    Err(rejected) => line.rejected(&exchange, rejected),
                }
            };
            let response = match record::caught(answering).await {
                Ok(response) => response,
                Err(panic) => record::broken(&exchange, &*panic),
            };
            Ok(response.map(|body| body.recorded(finisher)))
        })
    }
}

/// Whether a message may be part of a batch.
fn fits(method: Option<Method>, version: Option<Version>) -> Result<(), Refusal> {
    if method == Some(Method::Initialize) {
        return Err(refuse("`initialize` cannot be part of a batch"));
    }
    if version.is_some_and(|version| version.era() == Era::Modern) {
        return Err(refuse("2026-07-28 has no batches; send its requests one at a time"));
    }
    Ok(())
}

/// An id as it is compared: a string as it reads, a number as it is written.
fn read(id: &RawJson) -> Vec<u8> {
    let text = serde_json::from_slice::<String>(id.as_bytes());
    text.map_or_else(|_| id.as_bytes().to_vec(), |text| format!("\"{text}").into_bytes())
}

/// The messages of an array.
fn split(body: &Bytes, depth: usize) -> Result<Vec<Bytes>, Refusal> {
    let json = body.strip_prefix(decode::MARK).unwrap_or(body);
    if decode::deeper_than(json, depth.saturating_add(1)) {
        let message = format!("a message is nested more than {depth} levels deep");
        return Err(Refusal::new(Case::TooDeep, message));
    }
    let Pieces(pieces) = serde_json::from_slice(json).map_err(|error| {
        if error.is_data() {
            return refuse(format!("a batch has at most {MOST} messages"));
        }
        Refusal::new(Case::BodyNotJson, format!("the body is not JSON: {error}"))
    })?;
    if pieces.is_empty() {
        return Err(refuse("a batch must not be empty"));
    }
    let answers = pieces.iter().filter(|piece| is_answer(piece)).count();
    if answers > 0 && answers < pieces.len() {
        return Err(refuse("a batch has requests and notifications, or responses, never both"));
    }
    Ok(pieces.into_iter().map(|piece| body.slice_ref(piece.get().as_bytes())).collect())
}

fn is_answer(piece: &RawValue) -> bool {
    let is_object = piece.get().starts_with('{');
    let piece = serde_json::from_str::<Piece>(piece.get()).unwrap_or_default();
    is_object && (piece.result.is_some() || piece.error.is_some())
}

fn refuse(message: impl Into<String>) -> Refusal {
    Refusal::new(Case::Batch, message.into())
}

impl<'de> Deserialize<'de> for Pieces<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PiecesVisitor)
    }
}

struct PiecesVisitor;

impl<'de> Visitor<'de> for PiecesVisitor {
    type Value = Pieces<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pieces<'de>, A::Error> {
        let mut pieces = Vec::new();
        while let Some(piece) = seq.next_element::<&'de RawValue>()? {
            if pieces.len() == MOST {
                return Err(A::Error::custom("too many"));
            }
            pieces.push(piece);
        }
        Ok(Pieces(pieces))
    }
}

#[cfg(test)]
mod tests {
    //! What is taken apart, and what is refused as a whole.

    use bytes::Bytes;
    use toolgate_call::Case;

    use super::{MOST, split};

    fn pieces(body: &str) -> Result<Vec<String>, Case> {
        let pieces = split(&Bytes::copy_from_slice(body.as_bytes()), 4);
        let text = |piece: Bytes| String::from_utf8(piece.to_vec()).unwrap();
        pieces.map(|all| all.into_iter().map(text).collect()).map_err(|refusal| refusal.case())
    }

    #[test]
    fn a_batch_is_taken_apart_as_it_was_written() {
        let both = r#" [ {"id" : 1, "method":"ping"},{"method":"x"} ] "#;
        assert_eq!(pieces(both).unwrap(), [r#"{"id" : 1, "method":"ping"}"#, r#"{"method":"x"}"#]);
        assert_eq!(pieces("\u{feff}[1]").unwrap(), ["1"]);
        assert_eq!(pieces(r#"[{"id":1,"result":{}}]"#).unwrap().len(), 1, "answers alone");
        let most = format!("[{}]", vec!["1"; MOST].join(","));
        assert_eq!(pieces(&most).unwrap().len(), MOST);
    }

    #[test]
    fn a_batch_that_is_wrong_as_a_whole_is_refused_as_a_whole() {
        let more = format!("[{}]", vec!["1"; MOST + 1].join(","));
        for (body, case) in [
            ("[]", Case::Batch),
            (&*more, Case::Batch),
            ("[1,", Case::BodyNotJson),
            ("[1] 2", Case::BodyNotJson),
            (r#"[{"id":1,"result":{}},{"id":2,"method":"ping"}]"#, Case::Batch),
            ("[[[[[[1]]]]]]", Case::TooDeep),
        ] {
            assert_eq!(pieces(body).unwrap_err(), case, "{body}");
        }
    }
}
