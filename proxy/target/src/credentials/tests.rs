//! Tokens over time, by a clock that stands still until it is moved.

mod endpoints;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::{Instant, timeout};
use toolgate_telemetry::TokenFetch;

use super::cache::Places;
use super::slot::{Failed, Granted, Issue, Slot};
use super::{Boxed, Denied};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// Lets the clock go on.
async fn later(time: Duration) {
    let _passed = timeout(time, std::future::pending::<()>()).await;
}

/// An issuer of tokens that are good for a while.
struct Issuer {
    life: Duration,
    /// How long it takes over one.
    delay: Duration,
    asked: AtomicUsize,
    is_down: Mutex<Option<TokenFetch>>,
    /// When each token that it has given ends.
    given: Mutex<Vec<Instant>>,
}

impl Issuer {
    fn of(life: Duration, delay: Duration) -> Arc<Self> {
        Arc::new(Self {
            life,
            delay,
            asked: AtomicUsize::new(0),
            is_down: Mutex::default(),
            given: Mutex::default(),
        })
    }

    fn down(&self, how: impl Into<Option<TokenFetch>>) {
        *self.is_down.lock().unwrap() = how.into();
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }

    /// Whether a target that knows this issuer takes that token now.
    fn takes(&self, header: &HeaderValue) -> bool {
        let number: usize =
            header.to_str().unwrap().strip_prefix("Bearer t").unwrap().parse().unwrap();
        Instant::now() < self.given.lock().unwrap()[number]
    }
}

impl Issue for Issuer {
    fn issue(&self) -> Boxed<'_, Result<Granted, Failed>> {
        Box::pin(async move {
            self.asked.fetch_add(1, SeqCst);
            later(self.delay).await;
            if let Some(outcome) = *self.is_down.lock().unwrap() {
                return Err(Failed { outcome, why: "down".to_owned(), wait: None });
            }
            let mut given = self.given.lock().unwrap();
            let header = HeaderValue::try_from(format!("Bearer t{}", given.len())).unwrap();
            given.push(Instant::now() + self.life);
            Ok(Granted { header, life: self.life, refresh: None })
        })
    }
}

fn ways(issuer: &Arc<Issuer>) -> (Arc<Slot>, Arc<dyn Issue>) {
    (Arc::default(), Arc::<Issuer>::clone(issuer))
}

fn stamp(got: &Result<super::slot::Held, Denied>) -> u64 {
    got.as_ref().unwrap().stamp
}

#[tokio::test(start_paused = true)]
async fn three_hours_with_tokens_of_one_hour_are_without_a_refusal_and_without_a_wait() {
    let issuer = Issuer::of(HOUR, 2 * SECOND);
    let (slot, issue) = ways(&issuer);
    let (mut refused, mut waited) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < 3 * HOUR {
        let asked = Instant::now();
        let held = Slot::get(&slot, &issue).await.unwrap();
        waited += usize::from(asked.elapsed() > Duration::ZERO);
        refused += usize::from(!issuer.takes(&held.header));
        later(SECOND).await;
    }
    assert_eq!((refused, waited), (0, 1), "only the first has to wait");
    // Every 55 minutes, 5 before the end.
    assert_eq!(issuer.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn short_tokens_are_renewed_a_tenth_before_their_end() {
    let issuer = Issuer::of(100 * SECOND, Duration::ZERO);
    let (slot, issue) = ways(&issuer);
    let first = Slot::get(&slot, &issue).await;
    later(89 * SECOND).await;
    assert_eq!(stamp(&Slot::get(&slot, &issue).await), stamp(&first));
    later(SECOND).await;
    assert_eq!(issuer.asked(), 1, "nobody has needed it, so nobody has asked");
    Slot::get(&slot, &issue).await.unwrap();
    later(SECOND).await;
    assert_eq!(issuer.asked(), 2);
    assert_ne!(stamp(&Slot::get(&slot, &issue).await), stamp(&first));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_are_one_request() {
    let issuer = Issuer::of(HOUR, SECOND);
    let (slot, issue) = ways(&issuer);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let (slot, issue) = (Arc::clone(&slot), Arc::clone(&issue));
        callers.spawn(async move { Slot::get(&slot, &issue).await.map(|held| held.stamp) });
    }
    assert!(callers.join_all().await.into_iter().all(|got| got == Ok(1)));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_does_not_take_the_request_along() {
    let issuer = Issuer::of(HOUR, SECOND);
    let (slot, issue) = ways(&issuer);
    let impatient = tokio::time::timeout(SECOND / 2, Slot::get(&slot, &issue)).await;
    assert!(impatient.is_err());
    assert_eq!(stamp(&Slot::get(&slot, &issue).await), 1);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_issuer_is_not_asked_for_every_call() {
    let issuer = Issuer::of(HOUR, Duration::ZERO);
    issuer.down(TokenFetch::Unreachable);
    let (slot, issue) = ways(&issuer);
    for _ in 0..600 {
        let denied = Slot::get(&slot, &issue).await.unwrap_err();
        let Denied::Unavailable { again: Some(again), .. } = denied else { panic!("{denied:?}") };
        assert!(again <= 30 * SECOND);
        later(SECOND / 2).await;
    }
    // 1, 2, 4, 8, 16 and then 30 s apart.
    assert!((10..=16).contains(&issuer.asked()), "{} requests in 5 minutes", issuer.asked());
    issuer.down(None);
    later(30 * SECOND).await;
    Slot::get(&slot, &issue).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_waits_for_somebody_and_says_so() {
    let issuer = Issuer::of(HOUR, Duration::ZERO);
    issuer.down(TokenFetch::Refused);
    let (slot, issue) = ways(&issuer);
    let denied = Slot::get(&slot, &issue).await.unwrap_err();
    assert_eq!(denied, Denied::Unavailable { why: "down".to_owned(), again: None });
}

#[tokio::test(start_paused = true)]
async fn a_token_outlives_an_outage_of_its_issuer_until_it_ends() {
    let issuer = Issuer::of(HOUR, Duration::ZERO);
    let (slot, issue) = ways(&issuer);
    Slot::get(&slot, &issue).await.unwrap();
    later(50 * 60 * SECOND).await;
    issuer.down(TokenFetch::Failed);
    let mut served = Duration::ZERO;
    while let Ok(held) = Slot::get(&slot, &issue).await {
        assert!(issuer.takes(&held.header));
        later(SECOND).await;
        served += SECOND;
    }
    assert_eq!(served, 595 * SECOND, "to 5 s before its end");
    assert!(issuer.asked() < 20, "{}", issuer.asked());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once_and_not_at_each_refusal() {
    let issuer = Issuer::of(HOUR, Duration::ZERO);
    let (slot, issue) = ways(&issuer);
    let first = stamp(&Slot::get(&slot, &issue).await);
    assert!(slot.force(first));
    let second = stamp(&Slot::get(&slot, &issue).await);
    assert_ne!(first, second);
    assert!(slot.force(first), "there is a newer one than that");
    assert_eq!(issuer.asked(), 2);
    // A target that takes none makes nobody hammer the issuer.
    assert!(!slot.force(second));
    assert_eq!(stamp(&Slot::get(&slot, &issue).await), second);
    later(10 * SECOND).await;
    assert!(slot.force(second));
}

#[tokio::test(start_paused = true)]
async fn places_of_callers_are_bounded_and_what_is_over_goes_first() {
    let issuer = Issuer::of(100 * SECOND, Duration::ZERO);
    let issue: Arc<dyn Issue> = Arc::<Issuer>::clone(&issuer);
    let places = Places::new(2);
    for digest in [[1; 32], [2; 32]] {
        let (slot, new) = places.of(&digest);
        Slot::get(&slot, &issue).await.unwrap();
        assert!(!new.unwrap().evicted);
    }
    assert_eq!(places.of(&[1; 32]).1, None, "it is there");
    let (slot, new) = places.of(&[3; 32]);
    Slot::get(&slot, &issue).await.unwrap();
    assert_eq!((new.unwrap().held, new.unwrap().evicted), (2, true));
    assert!(places.of(&[2; 32]).1.is_some(), "it was used longest ago");
    later(200 * SECOND).await;
    assert!(!places.of(&[4; 32]).1.unwrap().evicted, "those that are over are no loss");
}
