//! What the limits of a target cost a call: `cargo bench -p toolgate-reach`.
//!
//! The far side does nothing, so all that is measured is the chain before it, from the clone of
//! the service to the drop of the reply, in time and in allocations; alone, and on two threads
//! that share one target.

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use divan::{AllocProfiler, Bencher};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use toolgate_call::{
    Answer, Call, Deadline, Era, Frame, FrameParts, Hint, Kind, Ledger, Meta, Method, Op, Outbound,
    Plan, Policy, Principal, RawJson, Refusal, Reply, RetryPlan, Scopes, SessionRef, Trace,
    Version,
};
use toolgate_reach::{BreakerConfig, ReachConfig, TargetSvc, reach};
use toolgate_telemetry::Telemetry;
use tower::{ServiceExt, service_fn};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// Timers need a runtime; nothing is ever run on it.
#[expect(clippy::unwrap_used, reason = "a bench without a runtime has nothing to measure")]
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

thread_local! {
    /// Entered once per thread and never left.
    static ENTERED: () = std::mem::forget(RUNTIME.enter());
}

fn main() {
    divan::main();
}

fn plan() -> Plan {
    Plan {
        kind: Kind::Tool,
        target: Arc::from("t"),
        name: Arc::from("x"),
        full: Arc::from("t___x"),
        server: None,
        scopes: Scopes::default(),
        read_only: Hint::Yes,
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(30),
        retry: retry(),
        concurrency: None,
        quarantined: false,
        definition: None,
    }
}

const fn retry() -> RetryPlan {
    RetryPlan {
        attempts: 3,
        base: Duration::from_millis(100),
        multiplier: 2.0,
        max: Duration::from_secs(1),
    }
}

fn config() -> ReachConfig {
    ReachConfig {
        target: Arc::from("t"),
        timeout: Duration::from_secs(10),
        retry: retry(),
        budget: 0.2,
        concurrency: 100,
        breaker: BreakerConfig { failures: 5, open: Duration::from_secs(30) },
        max_tool_limits: 100,
    }
}

#[expect(clippy::unwrap_used, reason = "an open policy permits all")]
fn outbound(plan: &Arc<Plan>) -> Outbound {
    ENTERED.with(|()| ());
    let now = Instant::now();
    let ledger = Arc::new(Ledger::new(now));
    let call = Call {
        method: Method::ToolsCall,
        id: Some(RawJson::literal("1")),
        name: Some(plan.full.to_string()),
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
        deadline: Deadline::after(now, Duration::from_secs(60)),
        ledger: Arc::clone(&ledger),
        trace: Arc::new(Trace::unrecorded()),
    };
    let (deadline, request_id) = (call.deadline, Arc::clone(&call.request_id));
    let permitted = Policy::open().permit(call, Some(Arc::clone(plan))).unwrap();
    let trace = Some(Trace::unrecorded().own);
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

fn reply() -> Result<Reply, Refusal> {
    Ok(Reply::one(Era::Modern, Answer::result(RawJson::literal("{}"))))
}

/// Sends operations one by one, asking each so often for its answer.
fn send(bencher: Bencher<'_, '_>, plan: Plan, polls: usize, far_side: TargetSvc) {
    let reach = reach(config(), &Telemetry::for_tests(), far_side);
    let plan = Arc::new(plan);
    bencher.with_inputs(|| outbound(&plan)).bench_values(|outbound| {
        let mut answering = pin!(reach.svc.clone().oneshot(outbound));
        let mut cx = Context::from_waker(Waker::noop());
        let pending = (1..polls).all(|_| answering.as_mut().poll(&mut cx).is_pending());
        assert!(pending && answering.poll(&mut cx).is_ready());
    });
}

/// The far side alone, called as the chain calls it: what the others are to be measured against.
#[divan::bench(threads = [1, 2], sample_count = 500, sample_size = 1000)]
fn far_side_alone(bencher: Bencher<'_, '_>) {
    let svc = TargetSvc::new(service_fn(|_: Outbound| async { reply() }));
    let plan = Arc::new(plan());
    bencher.with_inputs(|| outbound(&plan)).bench_values(|outbound| {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(svc.clone().oneshot(outbound)).poll(&mut cx).is_ready());
    });
}

/// The far side answers when it is first asked.
#[divan::bench(threads = [1, 2], sample_count = 500, sample_size = 1000)]
fn answered_at_once(bencher: Bencher<'_, '_>) {
    let far_side = TargetSvc::new(service_fn(|_: Outbound| async { reply() }));
    send(bencher, plan(), 1, far_side);
}

/// The far side answers when it is asked again, so there is a timer.
#[divan::bench(threads = [1, 2], sample_count = 500, sample_size = 1000)]
fn answered_later(bencher: Bencher<'_, '_>) {
    let far_side = TargetSvc::new(service_fn(|_: Outbound| async {
        yield_now().await;
        reply()
    }));
    send(bencher, plan(), 2, far_side);
}

/// The tool has a limit of its own.
#[divan::bench(threads = [1, 2], sample_count = 500, sample_size = 1000)]
fn tool_with_a_limit(bencher: Bencher<'_, '_>) {
    let far_side = TargetSvc::new(service_fn(|_: Outbound| async { reply() }));
    send(bencher, Plan { concurrency: Some(50), ..plan() }, 1, far_side);
}
