//! The three pipes of a child, each with its pump.
//!
//! Enters: messages for the child; what it writes. Leaves: lines on its stdin, messages handed to
//! the link, its stderr in the log. Never: decides anything about the child's life; a pump just
//! ends when its pipe does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::Instant;
use toolgate_call::{Era, RawJson, Reason, Refusal};

use super::house::House;
use super::lines::{Limits, Line, Lines};
use super::link::{Link, Outgoing};
use super::request;
use super::salvage::{answered_id, looks_like_json};
use crate::ask::Request;
use crate::progress::{is_message, news};
use crate::session::ACKNOWLEDGED;
use crate::wire::{Incoming, WireError, read_message};

/// Messages written with one flush.
const BATCH: usize = 64;
const WRITE_BUFFER: usize = 64 * 1024;
/// What is kept of an over-long line, at either end, to see whose answer it was.
const KEEP: usize = 1024;
/// The longest line of stderr.
const STDERR_LINE: usize = 4096;

/// Writes what is queued, until the pipe breaks.
pub(super) async fn write(
    stdin: ChildStdin,
    mut queue: mpsc::Receiver<Outgoing>,
    (link, house): (Arc<Link>, Arc<House>),
) -> io::Result<()> {
    let mut pipe = BufWriter::with_capacity(WRITE_BUFFER, stdin);
    let mut batch = Vec::with_capacity(BATCH);
    let mut leaving = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        for Outgoing { line, mail } in batch.drain(..) {
            link.taken(line.len());
            if mail.as_ref().is_some_and(|mail| !mail.leaving()) {
                continue;
            }
            pipe.write_all(&line).await?;
            pipe.write_all(b"\n").await?;
            house.metrics.sent(line.len() + 1);
            leaving.extend(mail);
        }
        pipe.flush().await?;
        leaving.drain(..).for_each(|mail| mail.left());
    }
    Ok(())
}

/// Reads messages until the child closes its stdout.
pub(super) async fn read(stdout: ChildStdout, (link, house): (Arc<Link>, Arc<House>)) {
    let limits = Limits { line: house.config.max_line, keep: KEEP };
    let mut lines = Lines::new(stdout, limits);
    loop {
        match lines.next().await {
            Ok(Some(Line::Whole(line))) => {
                link.heard();
                house.metrics.received(line.len() + 1);
                hear(&link, &house, &line);
            }
            Ok(Some(Line::Cut { head, tail })) => {
                link.heard();
                too_long(&link, &house, (&head, &tail));
            }
            Ok(None) | Err(_) => return,
        }
    }
}

/// Copies stderr to the log, until the child closes it.
pub(super) async fn log(stderr: ChildStderr, house: Arc<House>) {
    let mut lines = Lines::new(stderr, Limits { line: STDERR_LINE, keep: STDERR_LINE });
    while let Ok(Some(Line::Whole(line) | Line::Cut { head: line, .. })) = lines.next().await {
        let text = printable(&line);
        if !text.trim().is_empty() {
            house.chatter.say(Instant::now(), |muted| {
                tracing::info!(server = %house.config.target, muted, stderr = %text);
            });
            house.set_last_words(text);
        }
    }
}

/// Takes one line of a child.
fn hear(link: &Arc<Link>, house: &House, line: &Bytes) {
    if line.trim_ascii().is_empty() {
        return;
    }
    match read_message(line.clone()) {
        Ok(Incoming::Answer { id, answer }) => link.answered(&id, answer),
        Ok(Incoming::Notice { progress_token: Some(token), raw, .. }) => {
            link.progressed(&token, &raw);
        }
        Ok(Incoming::Notice { method, raw, .. }) => told(link, house, (&method, raw)),
        Ok(Incoming::Request { id, method, raw }) => match link.era() {
            Era::Legacy if method == "ping" => link.say(request::pong(&id)),
            Era::Legacy => {
                let request = Request { id: &id, method: &method, raw: &raw };
                link.asked(&request, &house.telemetry);
            }
            // A modern server has no right to ask, and a client none to answer (basic/transports).
            Era::Modern => {
                let (server, bytes) = (&house.config.target, raw.len());
                tracing::debug!(%server, bytes, "a modern child asked something");
            }
        },
        Err(error) => unreadable(link, house, (line, error)),
    }
}

/// Takes what a child says of its own accord.
fn told(link: &Link, house: &House, (method, raw): (&str, RawJson)) {
    if let Some(notice) = news(method, &raw) {
        (house.notices)(notice);
    } else if method == ACKNOWLEDGED {
        link.acknowledged(&raw);
    } else if method == request::CANCELLED {
        link.cancelled(&raw);
    } else if is_message(method) {
        link.logged(raw);
    }
}

/// A line that is not a message: perhaps a broken answer, more often a stray `print`.
fn unreadable(link: &Link, house: &House, (line, error): (&Bytes, WireError)) {
    house.dropped_lines.fetch_add(1, Relaxed);
    let target = &house.config.target;
    let looks_like_json = looks_like_json(line);
    let start = line.get(..KEEP).unwrap_or(line);
    if let Some(id) = answered_id(line, line).filter(|_| looks_like_json) {
        let message = format!("`{target}` gave an answer that is not MCP");
        let refusal = Refusal::target(Reason::UpstreamProtocol, target, message);
        link.failed(id, refusal.detail(error.to_string()));
    }
    // What looks like a message may hold a caller's data; a stray line is the author's own.
    let shown = if looks_like_json { String::new() } else { printable(start) };
    house.chatter.say(Instant::now(), |muted| {
        tracing::warn!(server = %target, muted, %error, line = %shown,
            "a line on stdout is not MCP and was ignored");
    });
}

fn too_long(link: &Link, house: &House, (head, tail): (&[u8], &[u8])) {
    house.dropped_lines.fetch_add(1, Relaxed);
    let (target, limit) = (&house.config.target, house.config.max_line);
    let message = format!("`{target}` gave an answer of more than {limit} bytes; ask it for less");
    let refusal = Refusal::target(Reason::UpstreamProtocol, target, message);
    let id = answered_id(head, tail).filter(|_| looks_like_json(head));
    let told = id.is_some_and(|id| link.failed(id, refusal));
    house.chatter.say(Instant::now(), |muted| {
        tracing::warn!(server = %target, muted, limit, told,
            "a line on stdout was too long and was dropped");
    });
}

/// Text fit for a log: no control characters, no bytes that are not UTF-8.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
