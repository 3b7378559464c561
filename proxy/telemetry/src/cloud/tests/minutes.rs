//! Edges of minutes, outages, and the end.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::advance;
use toolgate_call::Outcome;
use toolgate_telemetry_catalog::CloudFate;

use super::{Kept, all, clock, items, name, names, of, refused, telemetry};
use crate::Telemetry;
use crate::cloud::{CloudSink, Datum, Retry};
use crate::tests::exercise::{finish_tool, plan};

const FIRST: u64 = 1_800_000_000 / 60;

/// A gateway whose publisher runs since 10 s before a minute's edge.
fn running() -> (Arc<Telemetry>, Arc<Kept>, JoinHandle<()>) {
    let (telemetry, sink) = (telemetry(all()), Arc::new(Kept::default()));
    let cloud = telemetry.cloud.as_ref().unwrap();
    let publisher = cloud.publisher(Arc::clone(&sink) as Arc<dyn CloudSink>);
    let task = tokio::spawn(publisher.run(|| {}, clock(50)));
    (telemetry, sink, task)
}

fn call(telemetry: &Telemetry, times: usize) {
    for _ in 0..times {
        finish_tool(telemetry, &plan("alpha", "echo"), Outcome::OK);
    }
}

/// Lets time pass in small steps, so that all that is due in between is done in between.
async fn pass(seconds: u64) {
    for _ in 0..seconds * 4 {
        advance(Duration::from_millis(250)).await;
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
}

fn requests(datums: &[Datum]) -> Vec<(u64, f64)> {
    let of_all = datums.iter().filter(|datum| name(datum) == of("RequestCount", &[]));
    of_all.map(|datum| (super::minute(datum.at) - FIRST, datum.values[0])).collect()
}

#[tokio::test(start_paused = true)]
async fn each_minute_has_its_own_calls_and_the_last_one_need_not_be_over() {
    let (telemetry, sink, task) = running();
    pass(1).await;
    call(&telemetry, 3);
    pass(20).await;
    call(&telemetry, 5);
    pass(60).await;
    call(&telemetry, 7);
    pass(60).await;
    assert_eq!(requests(&sink.datums()), [(0, 3.0), (1, 5.0), (2, 7.0)]);
    call(&telemetry, 11);
    pass(1).await;
    telemetry.close();
    task.await.unwrap();
    assert_eq!(requests(&sink.datums()), [(0, 3.0), (1, 5.0), (2, 7.0), (3, 11.0)]);
    // A tool that was not called in a minute has nothing there.
    let idle = sink.datums().iter().filter(|d| name(d) == of("Latency", &[])).count();
    assert_eq!(idle, 4);
    assert_eq!(sink.attempts.load(SeqCst), 4, "one request a minute");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_at_the_very_edge_nor_later_than_five_seconds() {
    let mut jitters = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let (telemetry, sink, task) = running();
        pass(10).await;
        let mut waited = 0;
        while sink.attempts.load(SeqCst) == 0 {
            pass(1).await;
            waited += 1;
        }
        assert!(waited <= 6, "{waited} s");
        jitters.insert(waited);
        telemetry.close();
        task.await.unwrap();
    }
    assert!(jitters.len() > 1, "all at once: {jitters:?}");
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_last_fifteen_minutes_arrive_as_themselves() {
    let (telemetry, sink, task) = running();
    sink.refuses(CloudFate::Connect, Retry::Soon);
    for minute in 1..=20 {
        call(&telemetry, minute);
        pass(60).await;
    }
    assert!(sink.datums().is_empty());
    let text = telemetry.render();
    let depth = r#"toolgate_telemetry_queue_depth{signal="cloudwatch"}"#;
    assert!(crate::tests::number(&text, depth) > 0.0, "{text}");
    let dropped = items(&telemetry, CloudFate::Connect);
    assert!(dropped > 0.0);
    sink.takes();
    pass(60).await;
    let found = requests(&sink.datums());
    let minutes: Vec<u64> = found.iter().map(|(minute, _)| *minute).collect();
    // 15 waited, the oldest made room for the one in which it worked again, and was counted.
    assert_eq!(minutes, (6..=20).collect::<Vec<_>>());
    let wanted: Vec<(u64, f64)> =
        (6..=20_u32).map(|n| (u64::from(n), if n < 20 { f64::from(n + 1) } else { 0.0 })).collect();
    assert_eq!(found, wanted);
    assert_eq!(sink.minutes().len(), 15);
    assert_eq!(crate::tests::number(&telemetry.render(), depth), 0.0);
    // Whatever did not arrive was counted: the same metrics in each of the six minutes.
    let in_one = sink.datums().iter().filter(|d| super::minute(d.at) == FIRST + 10).count();
    let all_dropped = items(&telemetry, CloudFate::Connect);
    assert_eq!(all_dropped, 6.0 * f64::from(u32::try_from(in_one).unwrap()));
    telemetry.close();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_repeated_within_the_minute() {
    let (telemetry, sink, task) = running();
    call(&telemetry, 2);
    let throttled = || Some(refused(CloudFate::Throttled, Retry::Soon));
    sink.answers.lock().unwrap().extend([throttled(), throttled(), throttled()]);
    pass(40).await;
    assert_eq!(sink.attempts.load(SeqCst), 4);
    assert_eq!(requests(&sink.datums()), [(0, 2.0)]);
    // One that only somebody can mend is not repeated before the next minute.
    sink.refuses(CloudFate::Http4xx, Retry::Later);
    pass(60).await;
    assert_eq!(sink.attempts.load(SeqCst), 5);
    sink.takes();
    pass(60).await;
    assert_eq!(sink.minutes().len(), 3);
    assert_eq!(items(&telemetry, CloudFate::Http4xx), 0.0);
    telemetry.close();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_for_good_is_counted_and_holds_nothing_up() {
    let (telemetry, sink, task) = running();
    call(&telemetry, 2);
    sink.answers.lock().unwrap().push_back(Some(refused(CloudFate::Http4xx, Retry::Never)));
    pass(80).await;
    assert_eq!(sink.attempts.load(SeqCst), 2);
    assert_eq!(sink.minutes(), [FIRST + 1]);
    assert!(items(&telemetry, CloudFate::Http4xx) > 5.0);
    telemetry.close();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_never_answers_keeps_no_minute_from_being_told_apart() {
    let (telemetry, sink, task) = running();
    sink.stuck.store(true, SeqCst);
    call(&telemetry, 1);
    pass(60).await;
    call(&telemetry, 2);
    pass(60).await;
    // The batch that hangs now does so until its time is up.
    sink.stuck.store(false, SeqCst);
    pass(120).await;
    let found = requests(&sink.datums());
    assert_eq!(found[..2], [(0, 1.0), (1, 2.0)]);
    telemetry.close();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_at_the_end_is_counted() {
    let (telemetry, sink, task) = running();
    sink.stuck.store(true, SeqCst);
    call(&telemetry, 1);
    pass(70).await;
    telemetry.close();
    pass(1).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let lost = items(&telemetry, CloudFate::Shutdown);
    // The minute under way, the next one, and the one that was not over.
    assert!(lost > 20.0, "{lost}");
    assert_eq!(items(&telemetry, CloudFate::Exported), 0.0);
    assert!(sink.datums().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_refuses_does_not_keep_the_end_waiting() {
    let (telemetry, sink, task) = running();
    sink.refuses(CloudFate::Http5xx, Retry::Soon);
    call(&telemetry, 1);
    pass(1).await;
    telemetry.close();
    let before = tokio::time::Instant::now();
    task.await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(sink.attempts.load(SeqCst), 1);
    assert!(items(&telemetry, CloudFate::Shutdown) > 5.0);
    assert!(names(&sink.datums()).is_empty());
}
