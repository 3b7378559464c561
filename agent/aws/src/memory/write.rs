//! A turn, as an event of AgentCore Memory.
//!
//! In: a turn that has ended. Out: one event: what was said, in the roles of the service, and its
//! labels. Never: an empty part; a text that is longer than the service takes; the same turn twice.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_bedrockagentcore::types::{Content, Conversational, PayloadType, Role};
use aws_smithy_types::DateTime;
use toolgate_agent_memory::{MemoryError, Turn, Why};

use super::failure::Deed;
use super::labels;
use super::names::{actor_id, hash, session_id, session_of};
use super::view::View;
use crate::trouble::Trouble;

/// The longest text of a part, in bytes. The service counts 100,000 characters.
const LONGEST: usize = 100_000;
/// Parts of one text; the service takes a hundred in all.
const PARTS: usize = 48;

/// Keeps a turn. It can be read back at once; what is concluded from it comes later.
pub(super) async fn remember(view: &View, turn: &Turn) -> Result<(), MemoryError> {
    let mut parts = Vec::new();
    for (role, text) in [(Role::User, &turn.asked), (Role::Assistant, &turn.answered)] {
        for piece in pieces(text) {
            parts.push(PayloadType::Conversational(said(role.clone(), piece)?));
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    let (actor, session) = (actor_id(&turn.actor), session_id(&turn.session));
    let told = session_of(&session).is_some();
    let request = view
        .client
        .create_event()
        .memory_id(view.id())
        // The service passes over what it has seen under that token.
        .client_token(hash(&[&actor, &session, &turn.id]))
        .actor_id(actor)
        .session_id(session)
        .event_timestamp(DateTime::from_millis(millis(turn.at)))
        .set_payload(Some(parts))
        .set_metadata(Some(labels::of(turn, !told)));
    let sent = Box::pin(request.send()).await;
    sent.map(drop).map_err(|error| view.failed(&Trouble::of(&error), Deed::Write))
}

fn said(role: Role, text: &str) -> Result<Conversational, MemoryError> {
    let said = Conversational::builder().role(role).content(Content::Text(text.to_owned()));
    said.build().map_err(|_| MemoryError::new(Why::NotSupported, "a part of a turn has no role"))
}

/// A text in parts; what is beyond the last one is left out.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && pieces.len() < PARTS {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(LONGEST));
        pieces.push(piece);
        rest = more;
    }
    if !rest.is_empty() {
        tracing::warn!(bytes = rest.len(), "the end of a long text is not remembered");
    }
    pieces
}

fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
