//! Every span is counted once, whatever a backend says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_sdk::trace::SpanData;
use toolgate_call::{Ledger, Method, Outcome, Principal};
use toolgate_telemetry_catalog::{Export, Word as _};

use super::super::sink::{Again, Boxed, Packed, Parcel, Sent, SpanSink};
use super::super::{TraceConfig, Traces};
use super::{Metrics, run};
use crate::CallRecord;
use crate::cells::Form;
use crate::registry::Registry;
use crate::tests::exercise::{record, traced};

/// A backend that answers from a list, and takes everything after that.
#[derive(Debug, Default)]
struct Told {
    answers: Mutex<VecDeque<Sent>>,
    /// What it was sent: spans, a parcel each.
    sent: Mutex<Vec<u64>>,
    lost: u64,
}

impl SpanSink for Told {
    fn pack(&self, batch: Vec<SpanData>) -> Packed {
        let spans = batch.len() as u64 - self.lost;
        let parcel = Parcel { parts: vec![Bytes::new()], spans };
        Packed { parcels: vec![parcel], lost: vec![(Export::Oversize, self.lost)], trimmed: 1 }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Boxed<'a, Sent> {
        self.sent.lock().unwrap().push(parcel.spans);
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or_default();
        Box::pin(std::future::ready(answer))
    }
}

/// Sends ten spans; gives back what they are counted as, and the sizes of what was sent.
async fn ten(answers: impl IntoIterator<Item = Sent>, lost: u64) -> (Vec<(Export, u64)>, Vec<u64>) {
    let registry = Registry::new(100);
    let traces = Traces::new(&registry, TraceConfig { ratio: 1.0, ..traced() });
    let somebody = Principal::anonymous();
    for _ in 0..10 {
        let (place, ledger) =
            (traces.place(&Default::default(), None), Ledger::new(Instant::now()));
        let call = record(&ledger, Method::Ping, Outcome::OK);
        assert!(traces.finish(
            &CallRecord { trace: Some(&place), principal: Some(&somebody), ..call },
            || false
        ));
    }
    traces.close();
    let answers = Mutex::new(answers.into_iter().collect());
    let told = Arc::new(Told { answers, lost, ..Told::default() });
    let queue = Arc::clone(traces.queue.as_ref().unwrap());
    let sink: Arc<dyn SpanSink> = Arc::<Told>::clone(&told);
    run(queue, sink, Metrics::new(&registry)).await;
    let text = registry.render(Form::Plain);
    let of = |fate: &Export| {
        let (outcome, reason) = (fate.outcome(), fate.word());
        let line = format!(
            "toolgate_telemetry_items_total{{signal=\"traces\",outcome=\"{outcome}\",reason=\"{reason}\"}} "
        );
        let count = text.lines().find_map(|text| text.strip_prefix(&line)).unwrap_or("0");
        (*fate, count.parse::<u64>().unwrap())
    };
    let counts: Vec<_> = Export::ALL.iter().map(of).filter(|(_, count)| *count > 0).collect();
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 10, "{text}");
    let sent = told.sent.lock().unwrap().clone();
    (counts, sent)
}

fn rest(spans: u64, lost: Vec<(Export, u64)>) -> Sent {
    let rest = Some(Parcel { parts: vec![Bytes::new()], spans });
    let again = Some(Again { rest, fate: Export::Throttled, wait: Duration::ZERO });
    Sent { lost, again, detail: "told to".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_goes_out_again_and_is_counted_when_it_is_given_up() {
    assert_eq!(ten([], 0).await, (vec![(Export::Exported, 10)], vec![10]));
    let again = || Sent::again(Export::Http5xx, Duration::ZERO, String::new());
    assert_eq!(ten([again(), again()], 0).await, (vec![(Export::Exported, 10)], vec![10, 10, 10]));
    let answers = [rest(4, vec![(Export::Partial, 1)]), rest(2, vec![])];
    let wanted = vec![(Export::Exported, 9), (Export::Partial, 1)];
    assert_eq!(ten(answers, 0).await, (wanted, vec![10, 4, 2]));
    let answers = (0..4).map(|_| rest(3, vec![]));
    let wanted = vec![(Export::Exported, 7), (Export::Throttled, 3)];
    assert_eq!(ten(answers, 0).await, (wanted, vec![10, 3, 3, 3]));
    let wanted = vec![(Export::Exported, 6), (Export::Oversize, 4)];
    assert_eq!(ten([], 4).await, (wanted, vec![6]));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_cannot_count_makes_no_span_twice_or_vanish() {
    let much = Sent::lost(Export::Partial, 99, String::new());
    assert_eq!(ten([much], 0).await.0, [(Export::Partial, 10)]);
    // Whoever asks for a pause longer than the patience is given up at once.
    let later = Sent::again(Export::Throttled, Duration::from_secs(3600), String::new());
    assert_eq!(ten([later], 0).await, (vec![(Export::Throttled, 10)], vec![10]));
}
