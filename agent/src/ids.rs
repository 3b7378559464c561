//! Ids of turns and sessions.
//!
//! In: nothing. Out: ids of turns, sessions and requests (UUIDv7). Never: the same one twice.

use std::time::{SystemTime, UNIX_EPOCH};

/// The id of a turn or of a request.
#[must_use]
pub fn id() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or_default();
    // An id, not a secret: a fast generator will do.
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// The id of a session: at least 33 characters, as AgentCore Runtime wants it.
#[must_use]
pub fn session() -> String {
    format!("session-{}", id())
}
