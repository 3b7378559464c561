//! What a target can do instead of answering.
//!
//! In: nothing. Out: the acts. They are only described here.

use std::time::Duration;

/// What one tool call gets.
#[derive(Clone, Debug)]
pub enum Act {
    /// A good answer.
    Answer,
    /// This text as the result, byte for byte.
    Result(String),
    /// This text as the `error` member.
    Error(String),
    /// A good result under another request's id.
    WrongId,
    /// A good result with a text of so many bytes.
    Big(usize),
    /// Any HTTP answer.
    Http(Page),
    /// 404 as for a session that has ended (older era).
    LoseSession,
    /// Nothing, ever; the connection stays open.
    Hang,
    /// A good answer, once the test releases it.
    Hold,
    /// A good answer, and then the connection is closed, which nothing announced.
    Close,
    /// The connection is reset before an answer.
    Reset,
    /// A good JSON answer that comes in parts.
    Slow(Pace),
    /// An event stream.
    Stream(Shape),
}

/// An HTTP answer that is sent as it is.
#[derive(Clone, Debug)]
pub struct Page {
    /// Status and reason, as in `500 Internal Server Error`.
    pub status: &'static str,
    /// Header lines without line breaks.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

/// How an answer comes in parts.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// The head and half of the body, then a reset.
    Reset,
    /// The head and half of the body, then silence.
    Stall,
    /// A byte at a time with this pause between.
    Drip(Duration),
}

/// What an event stream is like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// So many notifications, then the answer.
    Notices(usize),
    /// One notification, and then it just ends.
    Cut,
    /// One notification, and then nothing, ever.
    Hang,
    /// The beginning of an event, so many bytes of it, and then nothing, ever.
    Long(usize),
    /// Every liberty that the format allows: a byte order mark, comments, CRLF, unknown fields,
    /// data over several lines, and a character split over two writes.
    Odd,
    /// An answer under another request's id, then the right one.
    Other,
    /// Progress under the caller's token and under another, and then the answer.
    Progress,
    /// The answer, and then the end of the stream but not of the connection.
    Whole,
    /// The id of an event and nothing else, so often, each on a stream of its own that is taken up
    /// behind the last one; then the answer (older era).
    Polled {
        /// How many streams end without it.
        cuts: usize,
        /// What the caller is told to wait before each next one.
        retry: Duration,
        /// What whoever takes it up finds.
        kept: Keeps,
    },
}

/// What a target has kept of an answer that was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// All of it.
    Answer,
    /// Not even the stream: 404.
    Nothing,
    /// The stream, without anything on it.
    Stream,
}

impl Act {
    /// A status with a body of that content type.
    #[must_use]
    pub fn page(status: &'static str, kind: &str, body: &str) -> Self {
        let headers = vec![format!("Content-Type: {kind}")];
        Self::Http(Page { status, headers, body: body.to_owned() })
    }

    /// A status with one more header line and no body.
    #[must_use]
    pub fn status(status: &'static str, line: &str) -> Self {
        Self::Http(Page { status, headers: vec![line.to_owned()], body: String::new() })
    }
}
