//! What the whole stack promises.

use std::sync::Arc;

use toolgate_call::{Era, Op, Reason, Refusal, Reply};
use toolgate_telemetry::Telemetry;
use tower::{ServiceExt, service_fn};

use crate::testing::{answer, call, config, idempotent, tool};
use crate::{TargetSvc, reach};

#[tokio::test(start_paused = true)]
async fn an_operation_reaches_the_far_side_unchanged_but_for_its_deadline() {
    let outbound = call(tool());
    let Op::Call(ours) = outbound.op.clone() else { panic!("a call") };
    let ledger = Arc::clone(&outbound.ledger);
    let far_side = TargetSvc::new(service_fn(move |seen: toolgate_call::Outbound| {
        let Op::Call(theirs) = &seen.op else { panic!("a call") };
        assert!(Arc::ptr_eq(theirs, &ours) && Arc::ptr_eq(&seen.ledger, &ledger));
        std::future::ready(Ok::<_, Refusal>(Reply::one(Era::Legacy, answer())))
    }));
    let reach = reach(config(), &Telemetry::for_tests(), far_side);
    let reply = reach.svc.oneshot(outbound).await.unwrap();
    assert_eq!(reply.era, Era::Legacy);
}

/// A service that is ready for one call at a time must be asked before each.
#[tokio::test(start_paused = true)]
async fn the_far_side_is_asked_whether_it_is_ready_before_every_attempt() {
    #[derive(Clone, Default)]
    struct Strict {
        ready: bool,
        calls: Arc<std::sync::atomic::AtomicUsize>,
    }
    impl tower::Service<toolgate_call::Outbound> for Strict {
        type Response = Reply;
        type Error = Refusal;
        type Future = std::future::Ready<Result<Reply, Refusal>>;
        fn poll_ready(
            &mut self,
            _cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Refusal>> {
            self.ready = true;
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, _outbound: toolgate_call::Outbound) -> Self::Future {
            assert!(std::mem::take(&mut self.ready), "called without being asked");
            self.calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            std::future::ready(Err(crate::testing::sent(Reason::Upstream5xx)))
        }
    }
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let reach = reach(config(), &Telemetry::for_tests(), TargetSvc::new(strict));
    reach.svc.oneshot(call(idempotent())).await.unwrap_err();
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 3);
}
