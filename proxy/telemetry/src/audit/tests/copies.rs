//! What becomes of copies: in order, all of them, or counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use toolgate_telemetry_catalog::CloudFate;

use crate::audit::copy::Copies;
use crate::audit::{AuditLine, AuditSink, Copying};
use crate::registry::Registry;
use crate::{Refusal, Retry};

/// Answers as it is told, and then well.
#[derive(Debug, Default)]
struct Sink {
    answers: Mutex<VecDeque<Retry>>,
    taken: Mutex<Vec<AuditLine>>,
}

impl AuditSink for Sink {
    fn put<'a>(&'a self, batch: &'a [AuditLine]) -> Copying<'a> {
        Box::pin(async move {
            if let Some(again) = self.answers.lock().unwrap().pop_front() {
                return Err(Refusal { fate: CloudFate::Http4xx, again, detail: String::new() });
            }
            self.taken.lock().unwrap().extend_from_slice(batch);
            Ok(())
        })
    }
}

fn copies() -> (Arc<Copies>, Registry, Arc<Sink>) {
    let registry = Registry::new(100);
    (Arc::new(Copies::new(&registry)), registry, Arc::default())
}

fn counted(registry: &Registry, outcome: &str, reason: &str) -> u64 {
    registry
        .counter(
            &toolgate_telemetry_catalog::access::ITEMS,
            &[toolgate_telemetry_catalog::access::AUDIT_COPY, outcome, reason],
        )
        .total()
}

fn lines(from: usize, to: usize) -> Vec<u8> {
    (from..to).map(|n| format!("line {n}\n")).collect::<String>().into_bytes()
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_sent_again_in_order_and_the_rest_behind_it() {
    let (copies, registry, sink) = copies();
    sink.answers.lock().unwrap().extend([Retry::Soon, Retry::Later]);
    let later = UNIX_EPOCH + Duration::from_millis(7);
    copies.push(&lines(0, 1500), later);
    copies.push(&lines(1500, 2500), UNIX_EPOCH);
    let sending = tokio::spawn(Arc::clone(&copies).send(Arc::<Sink>::clone(&sink)));
    let all = || sink.taken.lock().unwrap().len() == 2500;
    while !all() {
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    copies.close();
    sending.await.unwrap();
    let taken = sink.taken.lock().unwrap();
    assert!(taken.iter().enumerate().all(|(n, line)| line.text == format!("line {n}")));
    assert!(taken.iter().all(|line| line.millis == 7), "time does not go back");
    assert_eq!(counted(&registry, "exported", "ok"), 2500);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_counted_and_does_not_stand_in_the_way() {
    let (copies, registry, sink) = copies();
    sink.answers.lock().unwrap().push_back(Retry::Never);
    copies.push(&lines(0, 1200), UNIX_EPOCH);
    copies.close();
    Arc::clone(&copies).send(Arc::<Sink>::clone(&sink)).await;
    assert_eq!(counted(&registry, "dropped", "http_4xx"), 1000);
    assert_eq!(counted(&registry, "exported", "ok"), 200);
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_or_no_time_for_is_counted() {
    let (copies, registry, sink) = copies();
    let long = [&vec![b'x'; 1 << 20][..], b"\n"].concat();
    for _ in 0..20 {
        copies.push(&long, UNIX_EPOCH);
    }
    assert_eq!(counted(&registry, "dropped", "queue_full"), 4);
    sink.answers.lock().unwrap().extend([Retry::Soon; 100]);
    copies.close();
    Arc::clone(&copies).send(Arc::<Sink>::clone(&sink)).await;
    assert_eq!(counted(&registry, "dropped", "shutdown"), 16);
}
