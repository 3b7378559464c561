//! The tools of `clock`: `now` and `sleep`.
//!
//! Enters: arguments, and the time of day. Leaves: the time in several spellings; or an answer
//! after a pause, with progress if it is asked for. Never: changes anything.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::{Instant, Sleep, sleep_until};
use toolgate_call::{Answer, Event, Events, RawJson};

use super::arguments::{Arguments, Integer};
use super::{Done, civil, right};

/// A pause that has begun.
#[derive(Debug)]
pub(super) struct Sleeping {
    begun: Instant,
    ms: u64,
}

/// A pause that reports each quarter.
pub(super) struct Reporting {
    sleeping: Sleeping,
    token: RawJson,
    /// Quarters that have passed and were told.
    told: u32,
    timer: Pin<Box<Sleep>>,
    over: bool,
}

const OFFSET: Integer =
    Integer { name: "timezone_offset_minutes", range: -840..=840, default: Some(0) };
const PAUSE: Integer = Integer { name: "ms", range: 0..=10_000, default: None };
const QUARTERS: u32 = 4;

/// The definitions.
pub(super) fn tools() -> Value {
    json!([now_tool(), sleep_tool()])
}

/// Carries out a call.
pub(super) fn call(tool: &str, arguments: &Arguments) -> Done {
    let done = match tool {
        "now" => arguments.integer(&OFFSET).map(|offset| Done::Result(now(unix_ms(), offset))),
        "sleep" => arguments
            .integer(&PAUSE)
            .map(|ms| Done::Later(Sleeping { begun: Instant::now(), ms: ms.unsigned_abs() })),
        _ => return Done::Unknown,
    };
    done.unwrap_or_else(Done::Wrong)
}

/// The moment in three spellings.
pub(super) fn now(unix_ms: i64, offset_minutes: i64) -> Value {
    let utc = civil::rfc3339(unix_ms, 0);
    json!({
        "utc": utc.strip_suffix("+00:00").map_or_else(|| utc.clone(), |utc| format!("{utc}Z")),
        "unix_ms": unix_ms,
        "local": civil::rfc3339(unix_ms, offset_minutes),
    })
}

// === impl Sleeping ===

impl Sleeping {
    /// The answer, when the pause is over.
    pub(super) async fn ending(self) -> Answer {
        sleep_until(self.end_of(QUARTERS)).await;
        self.answer()
    }

    /// The same with progress on the way.
    pub(super) fn reporting_to(self, token: RawJson) -> Reporting {
        let timer = Box::pin(sleep_until(self.end_of(1)));
        Reporting { sleeping: self, token, told: 0, timer, over: false }
    }

    fn end_of(&self, quarter: u32) -> Instant {
        self.begun + Duration::from_millis(self.ms) * quarter / QUARTERS
    }

    fn answer(&self) -> Answer {
        right(&json!({ "slept_ms": self.ms }))
    }
}

// === impl Reporting ===

impl Reporting {
    fn progress(&self) -> RawJson {
        let notice = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{},"progress":{},"total":{QUARTERS}}}}}"#,
            String::from_utf8_lossy(self.token.as_bytes()),
            self.told,
        );
        RawJson::built(notice.into())
    }
}

impl Events for Reporting {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.told += 1;
        if self.told < QUARTERS {
            let next = self.sleeping.end_of(self.told + 1);
            self.timer.as_mut().reset(next);
            return Poll::Ready(Some(Event::Notice(self.progress())));
        }
        self.over = true;
        Poll::Ready(Some(Event::Done(Ok(self.sleeping.answer()))))
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn now_tool() -> Value {
    json!({
        "name": "now",
        "title": "Current time",
        "description": "Tells the current date and time in UTC, in milliseconds since the Unix \
            epoch, and at an offset from UTC if one is given.",
        "inputSchema": {
            "type": "object",
            "properties": { OFFSET.name: {
                "type": "integer",
                "minimum": OFFSET.range.start(),
                "maximum": OFFSET.range.end(),
                "default": 0,
                "description": "Minutes east of UTC; 330 is India, -300 is New York in winter.",
            }},
            "additionalProperties": false,
        },
        "outputSchema": {
            "type": "object",
            "properties": {
                "utc": { "type": "string", "format": "date-time" },
                "unix_ms": { "type": "integer" },
                "local": { "type": "string", "format": "date-time" },
            },
            "required": ["utc", "unix_ms", "local"],
            "additionalProperties": false,
        },
        "annotations": super::harmless("Current time"),
    })
}

fn sleep_tool() -> Value {
    json!({
        "name": "sleep",
        "title": "Wait",
        "description": "Waits before it answers, at most ten seconds. Good for trying out \
            timeouts, progress and cancellation.",
        "inputSchema": {
            "type": "object",
            "properties": { PAUSE.name: {
                "type": "integer",
                "minimum": PAUSE.range.start(),
                "maximum": PAUSE.range.end(),
                "description": "How long to wait, in milliseconds.",
            }},
            "required": [PAUSE.name],
            "additionalProperties": false,
        },
        "outputSchema": {
            "type": "object",
            "properties": { "slept_ms": { "type": "integer", "minimum": 0 } },
            "required": ["slept_ms"],
            "additionalProperties": false,
        },
        "annotations": super::harmless("Wait"),
    })
}
