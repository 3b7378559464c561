//! A far side that follows a script, and operations to send it.
//!
//! Enters: steps. Leaves: what was seen. Never: real time; every test runs on a paused clock.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, Sleep, sleep};
use toolgate_call::{
    Answer, AskKind, Body, By, Call, Deadline, Era, Event, Events, Frame, FrameParts, Hint, Kind,
    Ledger, Listed, Meta, Method, Op, Outbound, Phase, Plan, Policy, Principal, Question, RawJson,
    Reason, Refusal, Reply, Respond, RetryPlan, Scopes, SessionRef, Trace, Version,
};
use toolgate_telemetry::Telemetry;
use tower::{ServiceExt, service_fn};

use crate::{BreakerConfig, Reach, ReachConfig, TargetSvc, assemble};

/// What the far side does with one attempt.
pub(crate) enum Step {
    /// Answers.
    Answers,
    /// Answers with this.
    Says(Answer),
    /// Answers after a while.
    Slow(Duration),
    /// Refuses.
    Fails(Refusal),
    /// Never comes back from this phase.
    Hangs(Phase),
    /// Answers bit by bit.
    Streams(Vec<Bit>),
}

/// A part of a stream.
pub(crate) enum Bit {
    Notice,
    Ask,
    Pause(Duration),
    Done(Result<Answer, Refusal>),
    Hang,
}

/// What the far side saw.
#[derive(Default)]
pub(crate) struct Seen {
    script: Mutex<VecDeque<Step>>,
    pub(crate) asked: Mutex<Vec<(Instant, Outbound)>>,
    /// Attempts and streams that were dropped before their end.
    pub(crate) cancelled: AtomicUsize,
}

/// A target behind its limits, with all strings in hand.
pub(crate) struct Rig {
    pub(crate) reach: Reach,
    pub(crate) seen: Arc<Seen>,
    pub(crate) telemetry: Arc<Telemetry>,
}

struct Script {
    bits: VecDeque<Bit>,
    timer: Option<Pin<Box<Sleep>>>,
    running: Running,
}

/// Counts a cancellation unless it was disarmed.
struct Running(Arc<Seen>, bool);

// === impl Rig ===

impl Rig {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::with(config(), steps)
    }

    /// Beyond the script, the far side answers.
    pub(crate) fn with(config: ReachConfig, steps: impl IntoIterator<Item = Step>) -> Self {
        let seen = Arc::new(Seen::default());
        seen.script.lock().unwrap().extend(steps);
        let telemetry = Telemetry::for_tests();
        let far_side = far_side(Arc::clone(&seen));
        let reach = assemble(config, &telemetry, far_side, Rng::with_seed(7));
        Self { reach, seen, telemetry }
    }

    pub(crate) async fn send(&self, outbound: Outbound) -> Result<Reply, Refusal> {
        self.reach.svc.clone().oneshot(outbound).await
    }

    pub(crate) async fn refused(&self, outbound: Outbound) -> Refusal {
        self.send(outbound).await.expect_err("the operation should fail")
    }

    pub(crate) fn attempts(&self) -> usize {
        self.seen.asked.lock().unwrap().len()
    }

    pub(crate) fn cancelled(&self) -> usize {
        self.seen.cancelled.load(SeqCst)
    }

    /// The sum of the samples of that name whose labels hold all of `words`.
    pub(crate) fn metric(&self, name: &str, words: &[&str]) -> f64 {
        let text = self.telemetry.render();
        let samples = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && words.iter().all(|word| line.contains(&format!("\"{word}\"")))
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// No retry, no breaker, room for all: each test turns on what it is about.
pub(crate) fn config() -> ReachConfig {
    ReachConfig {
        target: Arc::from("t"),
        timeout: Duration::from_secs(10),
        retry: retry(1),
        budget: 0.2,
        concurrency: 100,
        breaker: BreakerConfig { failures: 0, open: Duration::from_secs(5) },
        max_tool_limits: 4,
    }
}

pub(crate) const fn retry(attempts: u32) -> RetryPlan {
    RetryPlan {
        attempts,
        base: Duration::from_millis(100),
        multiplier: 2.0,
        max: Duration::from_secs(1),
    }
}

/// `t___x`: 30 s, three attempts, nothing known about repeating it.
pub(crate) fn tool() -> Plan {
    Plan {
        kind: Kind::Tool,
        target: Arc::from("t"),
        name: Arc::from("x"),
        full: Arc::from("t___x"),
        server: None,
        scopes: Scopes::default(),
        read_only: Hint::Unknown,
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(30),
        retry: retry(3),
        concurrency: None,
        quarantined: false,
        definition: None,
    }
}

/// The same, and doing it twice is the same as once.
pub(crate) fn idempotent() -> Plan {
    Plan { idempotent: Hint::Yes, ..tool() }
}

/// A call with all the time in the world.
pub(crate) fn call(tool: Plan) -> Outbound {
    call_within(tool, Duration::from_secs(3600))
}

/// A call whose caller waits so long.
pub(crate) fn call_hurried(tool: Plan, waits: Duration) -> Outbound {
    let outbound = call_within(tool, waits);
    Outbound { deadline: outbound.deadline.set_by(By::Caller), ..outbound }
}

pub(crate) fn call_within(tool: Plan, left: Duration) -> Outbound {
    let now = Instant::now().into_std();
    let ledger = Arc::new(Ledger::new(now));
    let call = Call {
        method: Method::ToolsCall,
        id: Some(RawJson::literal("1")),
        name: Some(tool.full.to_string()),
        kind: Some(Kind::Tool),
        cursor: None,
        version: Version::LATEST,
        meta: Meta::default(),
        mirrored: Vec::new(),
        frame: Frame::new(bytes::Bytes::new(), FrameParts::default()),
        abilities: toolgate_call::Abilities::NONE,
        hears: true,
        session: SessionRef::None,
        principal: Arc::new(Principal::anonymous()),
        subject: None,
        server: None,
        peer: None,
        request_id: Arc::from("r"),
        deadline: Deadline::after(now, left),
        ledger: Arc::clone(&ledger),
        trace: Arc::new(Trace::unrecorded()),
    };
    let deadline = call.deadline;
    let permitted = Policy::open().permit(call, Some(Arc::new(tool))).unwrap();
    let trace = Some(Trace::unrecorded().own);
    let request_id = Arc::from("r");
    Outbound {
        op: Op::Call(Arc::new(permitted)),
        deadline,
        ledger,
        request_id,
        trace,
        abilities: toolgate_call::Abilities::NONE,
        more: None,
    }
}

/// What the gateway itself asks.
pub(crate) fn list() -> Outbound {
    let now = Instant::now().into_std();
    Outbound {
        op: Op::List { what: Listed::Tools, cursor: None },
        deadline: Deadline::after(now, Duration::from_secs(3600)),
        ledger: Arc::new(Ledger::new(now)),
        request_id: Arc::from("r"),
        trace: None,
        abilities: toolgate_call::Abilities::NONE,
        more: None,
    }
}

/// The gateway's question whether the target is there.
pub(crate) fn probe() -> Outbound {
    Outbound { op: Op::Probe, ..list() }
}

pub(crate) fn unsent(reason: Reason) -> Refusal {
    Refusal::target(reason, &Arc::from("t"), "the far side failed")
}

pub(crate) fn sent(reason: Reason) -> Refusal {
    unsent(reason).after_send()
}

pub(crate) fn answer() -> Answer {
    Answer::result(RawJson::literal("{}"))
}

/// What a target asks.
fn question() -> Question {
    let respond = Respond::new(drop);
    Question { kind: AskKind::Roots, params: RawJson::literal("{}"), respond }
}

/// All that is left of a reply that is a stream.
pub(crate) async fn drain(reply: &mut Reply) -> (usize, Result<Answer, Refusal>) {
    let mut notices = 0;
    loop {
        match next(reply).await.expect("a stream ends with Done") {
            Event::Notice(_) | Event::Ask(_) => notices += 1,
            Event::Done(ending) => return (notices, ending),
        }
    }
}

/// The next event of a reply that is a stream.
pub(crate) async fn next(reply: &mut Reply) -> Option<Event> {
    let Body::Stream(events) = &mut reply.body else { panic!("not a stream") };
    std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await
}

fn far_side(seen: Arc<Seen>) -> TargetSvc {
    TargetSvc::new(service_fn(move |outbound: Outbound| {
        let seen = Arc::clone(&seen);
        async move {
            seen.asked.lock().unwrap().push((Instant::now(), outbound.clone()));
            let step = seen.script.lock().unwrap().pop_front().unwrap_or(Step::Answers);
            let mut running = Running(Arc::clone(&seen), true);
            let reply = perform(step, &outbound, &mut running).await?;
            Ok(match reply {
                Ok(answer) => {
                    running.1 = false;
                    Reply::one(Era::Modern, answer)
                }
                Err(bits) => {
                    let script = Script { bits: bits.into(), timer: None, running };
                    Reply::stream(Era::Modern, Box::pin(script))
                }
            })
        }
    }))
}

async fn perform(
    step: Step,
    outbound: &Outbound,
    running: &mut Running,
) -> Result<Result<Answer, Vec<Bit>>, Refusal> {
    match step {
        Step::Answers => Ok(Ok(answer())),
        Step::Says(answer) => Ok(Ok(answer)),
        Step::Slow(pause) => {
            sleep(pause).await;
            Ok(Ok(answer()))
        }
        Step::Fails(refusal) => {
            running.1 = false;
            Err(refusal)
        }
        Step::Hangs(phase) => {
            outbound.ledger.enter_at(phase, Instant::now().into_std());
            std::future::pending().await
        }
        Step::Streams(bits) => Ok(Err(bits)),
    }
}

impl Events for Script {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(timer) = &mut self.timer {
                std::task::ready!(timer.as_mut().poll(cx));
                self.timer = None;
            }
            match self.bits.pop_front() {
                Some(Bit::Notice) => {
                    return Poll::Ready(Some(Event::Notice(RawJson::literal("{}"))));
                }
                Some(Bit::Ask) => return Poll::Ready(Some(Event::Ask(question()))),
                Some(Bit::Pause(pause)) => self.timer = Some(Box::pin(sleep(pause))),
                Some(Bit::Done(ending)) => {
                    self.running.1 = false;
                    return Poll::Ready(Some(Event::Done(ending)));
                }
                Some(Bit::Hang) => {
                    self.bits.push_front(Bit::Hang);
                    return Poll::Pending;
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.1 {
            self.0.cancelled.fetch_add(1, SeqCst);
        }
    }
}
