//! Which era a target speaks.
//!
//! Enters: the answer to `server/discover` (`basic/versioning`, "dual-era client"). Leaves: a
//! verdict that is remembered until the target contradicts it. Never: a probe that does anything,
//! or a verdict from an answer that did not arrive.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use toolgate_call::{Era, Ledger, Phase};

use super::exchange::{self, ERROR_BODY};
use super::failure::Failure;
use super::{Inner, reply, request};
use crate::EraChoice;
use crate::era::{Verdict, judge};
use crate::wire::{Incoming, read_message};

/// What is known of a target's era.
#[derive(Debug)]
pub(super) struct EraMemory {
    /// Era and number of the verdict, see [`Known`]; another number after each contradiction.
    verdict: AtomicU64,
    /// Whether the target has said what it offers, and changes of its tools are not among it.
    quiet: AtomicBool,
    fixed: bool,
    asking: tokio::sync::Mutex<()>,
}

/// A verdict.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) era: Era,
    number: u64,
}

// === impl EraMemory ===

impl EraMemory {
    pub(super) fn new(choice: EraChoice) -> Self {
        let known = match choice {
            EraChoice::Auto => None,
            EraChoice::Modern => Some(Era::Modern),
            EraChoice::Legacy => Some(Era::Legacy),
        };
        let verdict = AtomicU64::new(pack(known, 0));
        let (quiet, asking) = (AtomicBool::new(false), tokio::sync::Mutex::default());
        Self { verdict, quiet, fixed: known.is_some(), asking }
    }

    pub(super) fn known(&self) -> Option<Known> {
        let packed = self.verdict.load(Relaxed);
        let era = match packed & 0b11 {
            1 => Era::Modern,
            2 => Era::Legacy,
            _ => return None,
        };
        Some(Known { era, number: packed >> 2 })
    }

    /// Whether a modern target announces no changes of its tools. One that was never asked, since
    /// the operator knows its era, may do so.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    /// The target has contradicted this verdict; a newer one stays.
    pub(super) fn forget(&self, wrong: Known) {
        if !self.fixed {
            let (was, is) = (pack(Some(wrong.era), wrong.number), pack(None, wrong.number + 1));
            let _newer = self.verdict.compare_exchange(was, is, Relaxed, Relaxed);
        }
    }

    /// The verdict; asks the target when there is none. One question at a time. To the call that
    /// waits for it, it is a part of connecting: the call itself has not left.
    pub(super) async fn settle(&self, target: &Inner, ledger: &Ledger) -> Result<Known, Failure> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        ledger.enter(Phase::Connect);
        let _turn = self.asking.lock().await;
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let (era, quiet) = probe(target).await?;
        tracing::info!(target = %target.config.target, era = era.as_str(), "the target's era");
        let number = self.verdict.load(Relaxed) >> 2;
        self.quiet.store(quiet, Relaxed);
        self.verdict.store(pack(Some(era), number), Relaxed);
        target.listener.wake();
        Ok(Known { era, number })
    }
}

const fn pack(era: Option<Era>, number: u64) -> u64 {
    let code = match era {
        None => 0,
        Some(Era::Modern) => 1,
        Some(Era::Legacy) => 2,
    };
    (number << 2) | code
}

/// The era, and whether the target has said that it announces no changes.
async fn probe(target: &Inner) -> Result<(Era, bool), Failure> {
    let asked = request::discover(target);
    let ledger = Ledger::new(Instant::now());
    let answered = exchange::send(target, asked.outgoing, &ledger).await?;
    let status = answered.status.as_u16();
    let refused = matches!(status, 401 | 403 | 408 | 425 | 429);
    if refused || !matches!(status, 200..=299 | 400..=499) {
        let wait = reply::retry_after(&answered.headers);
        return Err(Failure::Status(status, wait));
    }
    let bytes = match reply::Kind::of(&answered.headers) {
        reply::Kind::Json => {
            answered.body.read_all(ERROR_BODY * 4, target.config.idle_timeout).await?
        }
        reply::Kind::Sse => reply::last_event(answered.body, target).await?,
        reply::Kind::Other => return Ok((Era::Legacy, false)),
    };
    let verdict = match read_message(bytes) {
        Ok(Incoming::Answer { answer, .. }) => judge(&answer),
        Ok(Incoming::Notice { .. } | Incoming::Request { .. }) | Err(_) => Verdict::Older,
    };
    match verdict {
        Verdict::Modern { tells } => Ok((Era::Modern, tells == Some(false))),
        Verdict::Older => Ok((Era::Legacy, false)),
        Verdict::Stranger => Err(Failure::Protocol(
            "it speaks a revision of the protocol that the gateway does not".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    //! Answers that do not arrive.

    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use toolgate_call::{Deadline, Ledger, Op, Outbound, Phase};
    use toolgate_telemetry::Telemetry;
    use tower::ServiceExt as _;

    use crate::{EraChoice, HttpConfig, HttpTarget};

    #[tokio::test]
    async fn a_probe_that_breaks_off_is_no_verdict_and_the_call_behind_it_has_not_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = HttpConfig {
            target: Arc::from("t"),
            url: format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap(),
            era: EraChoice::Auto,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            max_response: 1024,
            credentials: crate::Credentials::none(),
            watched: tokio::sync::watch::Sender::default().subscribe(),
        };
        let target = HttpTarget::new(config, Telemetry::for_tests(), Arc::new(|_| ())).unwrap();
        let now = Instant::now();
        let outbound = Outbound {
            op: Op::Probe,
            deadline: Deadline::after(now, Duration::from_secs(10)),
            ledger: Arc::new(Ledger::new(now)),
            request_id: Arc::from("r"),
            trace: None,
            abilities: toolgate_call::Abilities::NONE,
            more: None,
        };
        let ledger = Arc::clone(&outbound.ledger);
        let breaking = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
            let half = format!("{head}content-length: 100\r\n\r\n{{\"jsonrpc\":");
            stream.write_all(half.as_bytes()).await.unwrap();
        };
        let asking = target.clone().service().oneshot(outbound);
        let (asked, ()) = tokio::join!(asking, breaking);
        let refusal = asked.unwrap_err();
        assert_eq!(target.era(), None);
        assert!(!refusal.was_sent() && refusal.is_retry_safe(), "{refusal:?}");
        assert_eq!(ledger.phase(), Phase::Connect, "to the call it was a part of connecting");
    }
}
