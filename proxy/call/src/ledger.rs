//! Where the time of one call went.
//!
//! Enters: the moments at which a call passes from one phase to the next. Leaves: ten durations
//! whose sum is the wall time, because at every moment exactly one phase is running; and a note
//! of each attempt. Never: a label or a log line; others read it.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::{Plan, Reason, SpanId};

/// A phase of a call. The order is that of the ledger wherever it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reading and decoding the request.
    Read,
    /// Who is it.
    Authenticate,
    /// May they; and which target is it.
    Authorize,
    /// Waiting for a permit.
    Queue,
    /// Waiting before another attempt.
    Backoff,
    /// DNS, TCP and TLS to the target.
    Connect,
    /// Handing the request to the target.
    Send,
    /// Waiting for the target's first byte.
    Wait,
    /// Receiving the rest of the answer.
    Receive,
    /// Writing the answer to the caller.
    Write,
}

/// The ten durations of a call, in the order of [`Phase::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases([Duration; 10]);

/// What one attempt came to.
#[derive(Clone, Debug)]
pub struct AttemptNote {
    /// Why it failed; `None` when it was answered.
    pub reason: Option<Reason>,
    /// When it began, after the call's own beginning.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// The span that the target was given as parent.
    pub span: Option<SpanId>,
    /// What only the operator may read.
    pub detail: Option<String>,
}

/// How many changes of phase are kept with their moments.
const MARKS: usize = 24;
/// A mark is the phase in the highest byte and nanoseconds below it: two years of them.
const MARK_SHIFT: u32 = 56;

/// How many attempts are noted one by one; the count goes on beyond it.
const NOTED_ATTEMPTS: usize = 10;

/// The notes of a call's attempts. Most calls have one attempt, whose note needs no list.
#[derive(Debug, Default)]
struct Notes {
    first: Option<AttemptNote>,
    others: Vec<AttemptNote>,
}

/// The record of one call. Shared by the stages; cheap to write.
#[derive(Debug)]
pub struct Ledger {
    start: Instant,
    spent: [AtomicU64; 10],
    since: AtomicU64,
    phase: AtomicU8,
    marks: [AtomicU64; MARKS],
    marked: AtomicUsize,
    attempts: AtomicU32,
    notes: Mutex<Notes>,
    plan: OnceLock<Arc<Plan>>,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// What the audit log says of the call: see [`Ruling`].
    ruling: AtomicU8,
    run: Mutex<Option<Run>>,
}

/// One run of a function of Lambda, as Lambda itself measures it (Lambda, "REPORT" lines).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How long the function worked.
    pub duration: Duration,
    /// How long it took to start; `None`: it was there already.
    pub init: Option<Duration>,
}

/// What stands in the audit log of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// That it was let through.
    Allowed,
    /// That it was refused.
    Denied,
}

// === impl Phase ===

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Authenticate,
        Self::Authorize,
        Self::Queue,
        Self::Backoff,
        Self::Connect,
        Self::Send,
        Self::Wait,
        Self::Receive,
        Self::Write,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Authenticate => "authenticate",
            Self::Authorize => "authorize",
            Self::Queue => "queue",
            Self::Backoff => "backoff",
            Self::Connect => "connect",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Receive => "receive",
            Self::Write => "write",
        }
    }

    /// Whether the gateway itself is at work in it: what the overhead is made of.
    #[must_use]
    pub const fn is_overhead(self) -> bool {
        matches!(self, Self::Authenticate | Self::Authorize | Self::Queue)
    }
}

// === impl Phases ===

impl Phases {
    /// The time spent in one phase.
    #[must_use]
    pub fn get(&self, phase: Phase) -> Duration {
        self.0.get(phase as usize).copied().unwrap_or_default()
    }

    /// Phase and time, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> {
        Phase::ALL.into_iter().zip(self.0)
    }

    /// Phase and time in whole microseconds, in order. What is cut off of one goes to a later one, so
    /// these too sum to the wall time, to the microsecond.
    pub fn micros(&self) -> impl Iterator<Item = (Phase, u64)> {
        let whole = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut passed = Duration::ZERO;
        self.iter().map(move |(phase, spent)| {
            let before = whole(passed);
            passed += spent;
            (phase, whole(passed) - before)
        })
    }

    /// The wall time: the sum of the phases.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }
}

// === impl Notes ===

impl Notes {
    fn add(&mut self, note: AttemptNote) {
        if self.first.is_none() {
            self.first = Some(note);
        } else if self.others.len() + 1 < NOTED_ATTEMPTS {
            self.others.push(note);
        }
    }

    fn all(&self) -> Vec<AttemptNote> {
        self.first.iter().chain(&self.others).cloned().collect()
    }
}

// === impl Ledger ===

impl Ledger {
    /// A call that began at `start`; the phase is [`Phase::Read`].
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            spent: Default::default(),
            since: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Read as u8),
            marks: [const { AtomicU64::new(0) }; MARKS],
            marked: AtomicUsize::new(0),
            attempts: AtomicU32::new(0),
            notes: Mutex::default(),
            plan: OnceLock::new(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            ruling: AtomicU8::new(0),
            run: Mutex::default(),
        }
    }

    /// When the call began.
    #[must_use]
    pub const fn start(&self) -> Instant {
        self.start
    }

    /// Ends the running phase and begins another.
    pub fn enter(&self, phase: Phase) {
        self.enter_at(phase, Instant::now());
    }

    /// Ends the running phase at `now` and begins another.
    pub fn enter_at(&self, phase: Phase, now: Instant) {
        let at = self.settle(now);
        if self.phase.swap(phase as u8, Relaxed) == phase as u8 {
            return;
        }
        let mark = self.marked.fetch_add(1, Relaxed);
        if let Some(cell) = self.marks.get(mark) {
            cell.store((phase as u64) << MARK_SHIFT | at & ((1 << MARK_SHIFT) - 1), Relaxed);
        }
    }

    /// The phases in the order in which they were entered, and when after the beginning: the first
    /// 25 of them.
    pub fn course(&self) -> impl Iterator<Item = (Phase, Duration)> {
        let marked = self.marked.load(Relaxed).min(MARKS);
        let marks = self.marks.iter().take(marked).filter_map(|cell| {
            let mark = cell.load(Relaxed);
            let phase = Phase::ALL.get(usize::try_from(mark >> MARK_SHIFT).ok()?)?;
            Some((*phase, Duration::from_nanos(mark & ((1 << MARK_SHIFT) - 1))))
        });
        std::iter::once((Phase::Read, Duration::ZERO)).chain(marks)
    }

    /// The running phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let running = usize::from(self.phase.load(Relaxed));
        Phase::ALL.get(running).copied().unwrap_or(Phase::Write)
    }

    /// The durations up to `now`, the running phase included.
    #[must_use]
    pub fn phases_at(&self, now: Instant) -> Phases {
        self.settle(now);
        Phases(std::array::from_fn(|n| {
            Duration::from_nanos(self.spent.get(n).map_or(0, |cell| cell.load(Relaxed)))
        }))
    }

    /// The phase in which most of the time went.
    #[must_use]
    pub fn slowest(phases: &Phases) -> Phase {
        phases.iter().max_by_key(|(_, spent)| *spent).map_or(Phase::Read, |(phase, _)| phase)
    }

    /// Notes an attempt.
    pub fn note_attempt(&self, note: AttemptNote) {
        self.attempts.fetch_add(1, Relaxed);
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).add(note);
    }

    /// How many attempts there were.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    /// The attempts, the first ten of them.
    #[must_use]
    pub fn notes(&self) -> Vec<AttemptNote> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    /// Shows the attempts, the first ten of them, without a copy. What looks must not note any.
    pub fn each_note(&self, look: impl FnMut(&AttemptNote)) {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.first.iter().chain(&notes.others).for_each(look);
    }

    /// Says what the call is for. The first word counts.
    pub fn set_plan(&self, plan: &Arc<Plan>) {
        self.plan.get_or_init(|| Arc::clone(plan));
    }

    /// What the call is for, once it is known.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.get()
    }

    /// Counts bytes read from the caller.
    pub fn add_bytes_in(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    /// Counts bytes written to the caller.
    pub fn add_bytes_out(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
    }

    /// Notes how a function ran for the call; the last word counts.
    pub fn note_run(&self, run: Run) {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
    }

    /// How a function ran for the call, if one did and Lambda has said so.
    #[must_use]
    pub fn run(&self) -> Option<Run> {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The audit log has that of the call. The first word counts.
    pub fn rule(&self, ruling: Ruling) {
        let _first = self.ruling.compare_exchange(0, ruling as u8 + 1, Relaxed, Relaxed);
    }

    /// What the audit log has of the call, if anything.
    #[must_use]
    pub fn ruling(&self) -> Option<Ruling> {
        match self.ruling.load(Relaxed) {
            0 => None,
            1 => Some(Ruling::Allowed),
            _ => Some(Ruling::Denied),
        }
    }

    /// Bytes of body read from, and written to, the caller.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes_in.load(Relaxed), self.bytes_out.load(Relaxed))
    }

    /// Books the time since the last change on the running phase, and says how much time has
    /// passed since the beginning, in nanoseconds.
    fn settle(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.start).as_nanos();
        let at = u64::try_from(nanos).unwrap_or(u64::MAX);
        let since = self.since.fetch_max(at, Relaxed);
        if let Some(cell) = self.spent.get(usize::from(self.phase.load(Relaxed))) {
            cell.fetch_add(at.saturating_sub(since), Relaxed);
        }
        at
    }
}
