//! A failure as it is shown: text for people, one JSON document for scripts.
//!
//! Enters: why there is no result. Leaves: what happened, whose fault it is, whether repeating is
//! safe, what to do, the request id, and the exit code. Never: a token; words of a tool or a
//! gateway that could steer the terminal.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use toolgate_call::{Blame, Reason};

use super::code::{self, Entry};
use super::ledger;
use super::screen::{Screen, one_line};
use crate::exit::Exit;
use toolgate_client::{Bearer, Failure, Head, Refused, TokenError};

/// A failure, ready to be shown. The names of the members are those of the JSON document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) code: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) blame: Option<&'static str>,
    pub(crate) phase: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) retry_safe: Option<bool>,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) outcome: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) note: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) request_id: Option<String>,
    #[serde(serialize_with = "exit_code")]
    pub(crate) exit: Exit,
}

/// What was asked, as far as a report needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Whether it may have changed something.
    pub(crate) is_call: bool,
    /// The token that went with it.
    pub(crate) token: Option<&'a Bearer>,
    /// Whether the token came from `toolgate dev`, so that `--scope` can widen it.
    pub(crate) from_dev: bool,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(code: &'static str, exit: Exit, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: None,
            blame: None,
            phase: None,
            target: None,
            retry_safe: None,
            retry_after_ms: None,
            outcome: None,
            message: message.into(),
            note: None,
            help: None,
            location: None,
            request_id: None,
            exit,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn blame(mut self, blame: Blame) -> Self {
        self.blame = Some(blame.as_str());
        self
    }

    /// Nothing was sent: repeating does no harm.
    fn nothing_sent(mut self) -> Self {
        self.retry_safe = Some(true);
        self
    }

    /// Sent, without an answer: what only reads may be repeated, a call must be looked after.
    fn lost(mut self, asked: Asked<'_>) -> Self {
        self.retry_safe = Some(!asked.is_call);
        if asked.is_call {
            self.outcome = Some("unknown");
            self.exit = Exit::Unknown;
            self.help.get_or_insert_with(|| code::of(Reason::OutcomeUnknown).help.to_owned());
        }
        self
    }

    /// The report of a failed request.
    pub(crate) fn of(failure: &Failure, asked: Asked<'_>) -> Self {
        let message = failure.to_string();
        let mut report = match failure {
            Failure::Url { .. } => Self::new(code::BAD_URL, Exit::Usage, message)
                .help("the URL of an MCP endpoint looks like http://127.0.0.1:8800/mcp"),
            Failure::Unreachable { .. } | Failure::TimedOut { was_sent: false, .. } => {
                Self::new(code::UNREACHABLE, Exit::Gateway, message)
                    .blame(Blame::Network)
                    .nothing_sent()
                    .help("check the URL, and that the gateway runs: `toolgate dev` starts one")
            }
            Failure::Tls { remedy, .. } => Self::new(code::UNREACHABLE, Exit::Gateway, message)
                .blame(Blame::Network)
                .nothing_sent()
                .help(*remedy),
            Failure::TimedOut { was_sent: true, .. }
            | Failure::Lost { .. }
            | Failure::TooLarge { .. } => {
                Self::new(code::NO_ANSWER, Exit::Gateway, message).lost(asked)
            }
            Failure::NotMcp { head, .. } => Self::not_mcp(head.status, message, asked),
            Failure::Refused(refused) => Self::refused(refused, asked),
            Failure::Tool(_) => {
                let Entry { code, exit, help } = code::of(Reason::ToolError);
                let report = Self::new(code, exit, message).blame(Blame::Tool).help(help);
                Self { reason: Some(Reason::ToolError.as_str().to_owned()), ..report }
            }
            Failure::Interrupted => {
                let report = Self::new(code::INTERRUPTED, Exit::Interrupted, message).lost(asked);
                Self { exit: Exit::Interrupted, ..report }
            }
        };
        report.request_id = failure.head().and_then(Head::request_id).map(str::to_owned);
        report
    }

    /// The report of a token that could not be had.
    pub(crate) fn of_token(error: &TokenError) -> Self {
        let message = error.to_string();
        match error {
            TokenError::Unanswered(Failure::Url { .. }) => {
                Self::new(code::BAD_URL, Exit::Usage, message).help("write the issuer's URL whole")
            }
            TokenError::Unanswered(_) | TokenError::TimedOut { .. } => {
                Self::new(code::UNREACHABLE, Exit::Gateway, message)
                    .blame(Blame::Network)
                    .nothing_sent()
                    .help("check the issuer's URL, and that it runs")
            }
            TokenError::Refused { .. } => Self::new(code::NO_GRANT, Exit::Identity, message)
                .blame(Blame::Caller)
                .help("check the client id, its secret, and the scopes it may ask for"),
            TokenError::NotAnIssuer { .. } | TokenError::Discovery { .. } => {
                Self::new(code::NO_GRANT, Exit::Identity, message)
                    .help("check the issuer's URL, or name its token endpoint with --token-url")
            }
        }
    }

    fn not_mcp(status: u16, message: String, asked: Asked<'_>) -> Self {
        let report = Self::new(code::NOT_MCP, Exit::Gateway, message);
        match status {
            401 | 403 => Self { code: code::BAD_TOKEN, exit: Exit::Identity, ..report }
                .blame(Blame::Caller)
                .help(code::of(Reason::Unauthenticated).help),
            // Something between here and the gateway lost the answer.
            502 | 504 => report.blame(Blame::Network).lost(asked),
            _ => report.help("check that the URL is the MCP endpoint of a gateway"),
        }
    }

    fn refused(refused: &Refused, asked: Asked<'_>) -> Self {
        let reason = refused.text("reason").and_then(ledger::reason);
        let reason = reason.unwrap_or_else(|| of_code(refused.code, refused.head.status));
        let Entry { code, exit, help } = code::of(reason);
        let unknown = refused.is_outcome_unknown();
        let mut report = Self::new(code, exit, refused.message.clone()).help(help);
        report.reason = Some(reason.as_str().to_owned());
        report.blame = Some(reason.blame().as_str());
        report.phase = refused.text("phase").map(str::to_owned);
        report.target = refused.text("target").map(str::to_owned);
        report.retry_safe = refused.is_retry_safe();
        report.retry_after_ms = refused.retry_after_ms();
        if unknown {
            report.outcome = Some("unknown");
            report.exit = Exit::Unknown;
            report.help = Some(code::of(Reason::OutcomeUnknown).help.to_owned());
        }
        let is_identity = matches!(reason, Reason::Unauthenticated | Reason::Forbidden);
        if is_identity {
            report.note = asked.token.and_then(read_locally);
        }
        if reason == Reason::Unauthenticated && asked.token.is_none() {
            report.code = code::NO_TOKEN;
        }
        if reason == Reason::Forbidden {
            report.widen(refused.head.needed_scopes(), asked);
        }
        report
    }

    /// Says how to get a token with the scopes that are needed.
    fn widen(&mut self, needed: Option<&str>, asked: Asked<'_>) {
        let Some(needed) = needed else { return };
        let flags: String =
            needed.split_whitespace().map(|scope| format!(" --scope {scope}")).collect();
        self.help = Some(if asked.from_dev {
            format!("repeat the command with{flags}")
        } else {
            format!("it needs the scopes `{needed}`: toolgate token{flags}")
        });
    }

    /// The report as text, each line ended.
    pub(crate) fn render(&self, screen: &Screen) -> String {
        let head = screen.bold(&format!("error[{}]:", self.code));
        let mut out = format!("{head} {}\n", one_line(&self.message));
        let mut line = |name: &str, text: &str| {
            out.push_str(&format!("   = {name}: {}\n", one_line(text)));
        };
        if let Some(blame) = self.blame {
            let phase = self.phase.as_ref().map(|phase| format!(", phase {phase}"));
            let target = self.target.as_ref().map(|target| format!(", target `{target}`"));
            let rest = phase.unwrap_or_default() + &target.unwrap_or_default();
            line("blame", &format!("{blame}{rest}"));
        }
        if let Some(repeat) = self.repeat() {
            line("safe to repeat", &repeat);
        }
        for (name, text) in [("note", &self.note), ("help", &self.help)] {
            if let Some(text) = text {
                line(name, text);
            }
        }
        if let Some(id) = &self.request_id {
            line("request", id);
        }
        line("exit", &self.exit.code().to_string());
        out
    }

    /// Whether repeating is safe, in words.
    fn repeat(&self) -> Option<String> {
        if self.outcome.is_some() {
            return Some("no, it may have been carried out".to_owned());
        }
        let wait = self.retry_after_ms.map(|ms| format!(", after {:.1} s", ms as f64 / 1000.0));
        match self.retry_safe {
            Some(true) => Some(format!("yes{}", wait.unwrap_or_default())),
            Some(false) if self.blame == Some(Blame::Caller.as_str()) => Some(match wait {
                Some(wait) => format!("yes{wait}"),
                None => "not as it is, it would be refused again".to_owned(),
            }),
            Some(false) => Some("not known to be".to_owned()),
            None if self.exit == Exit::Tool => Some("not known to be, the tool ran".to_owned()),
            None => None,
        }
    }
}

/// The reason behind an error that does not name one: the target's own, or another gateway's.
fn of_code(code: i64, status: u16) -> Reason {
    match (code, status) {
        (_, 401) => Reason::Unauthenticated,
        (_, 403) => Reason::Forbidden,
        (_, 429) => Reason::RateLimited,
        (_, 503) => Reason::Overloaded,
        (-32700, _) => Reason::ParseError,
        (-32600 | -32022, _) => Reason::InvalidRequest,
        (-32020, _) => Reason::HeaderMismatch,
        (-32601, _) => Reason::MethodNotFound,
        (-32602, _) => Reason::InvalidParams,
        _ => Reason::UpstreamJsonrpc,
    }
}

/// What the token itself says: the gateway tells nobody why it refused one.
fn read_locally(token: &Bearer) -> Option<String> {
    let claims = token.claims()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut facts = Vec::new();
    if let Some(past) = claims.exp.map(|exp| now - exp).filter(|past| *past > 0.0) {
        facts.push(format!("it expired {:.0} min ago", past / 60.0));
    }
    facts.extend(claims.client_id.map(|client| format!("client {client}")));
    facts.extend(claims.scope.map(|scope| format!("scopes {scope}")));
    let facts = facts.join(", ");
    (!facts.is_empty()).then(|| format!("the token says, read here without checking it: {facts}"))
}

fn exit_code<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(exit.code())
}
