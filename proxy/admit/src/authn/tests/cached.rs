//! What is remembered, and for how long.

use std::sync::Arc;

use serde_json::json;
use toolgate_call::Principal;

use super::mint::TestKey;
use super::{Fixture, NOW, bearer, claims, cognito};
use crate::authn::audience::Reach;
use crate::authn::cache::{Cache, Entry, digest};

fn entry(expires: u64) -> Entry {
    let principal = Principal { expires: Some(expires), ..Principal::anonymous() };
    Entry { principal: Arc::new(principal), issuer: 0, generation: 0, reach: Reach::Everywhere }
}

#[tokio::test]
async fn a_token_is_verified_once_and_then_remembered() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let headers = bearer(&key.token(&claims(&json!({}))));
    assert!(fixture.auth.verify_cached(&headers, None).is_none());
    let first = fixture.auth.verify(&headers, None).await.unwrap();
    let again = fixture.auth.verify_cached(&headers, None).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert!(Arc::ptr_eq(&first, &fixture.auth.verify(&headers, None).await.unwrap()));
}

#[tokio::test]
async fn a_token_is_forgotten_when_it_expires() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let headers = bearer(&key.token(&claims(&json!({"exp": NOW + 60}))));
    fixture.auth.verify(&headers, None).await.unwrap();
    fixture.clock.advance(59);
    assert!(fixture.auth.verify_cached(&headers, None).is_some());
    fixture.clock.advance(1);
    assert!(fixture.auth.verify_cached(&headers, None).is_none());
    assert!(fixture.auth.verify(&headers, None).await.is_ok(), "the leeway, without the cache");
    fixture.clock.advance(30);
    assert!(fixture.auth.verify(&headers, None).await.is_err());
}

#[tokio::test]
async fn a_refused_token_is_not_remembered() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let headers = bearer(&key.token(&claims(&json!({"client_id": "stranger"}))));
    assert!(fixture.auth.verify(&headers, None).await.is_err());
    assert!(fixture.auth.verify_cached(&headers, None).is_none());
    assert_eq!(fixture.auth.cache.len(), 0);
}

#[tokio::test]
async fn a_cache_of_none_remembers_none() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::cold(cognito(), 0).await;
    fixture.server.publish(&[&key]);
    let headers = bearer(&key.token(&claims(&json!({}))));
    assert!(fixture.auth.verify(&headers, None).await.is_ok());
    assert!(fixture.auth.verify_cached(&headers, None).is_none());
}

#[test]
fn the_cache_never_holds_more_than_it_may() {
    for capacity in [1, 7, 100, 1000] {
        let cache = Cache::new(capacity);
        let mut gone = 0;
        for n in 0..3000 {
            gone += cache.put(digest(&format!("token {n}")), entry(NOW + 60), NOW);
            assert!(cache.len() <= capacity);
            let last = digest(&format!("token {n}"));
            assert!(cache.get(&last, NOW, |_| true).is_some(), "the newest is held");
        }
        assert_eq!(cache.len() + gone, 3000, "every eviction is counted");
    }
}

#[test]
fn what_has_expired_goes_first() {
    let cache = Cache::new(1);
    cache.put(digest("old"), entry(NOW + 1), NOW);
    assert_eq!(cache.put(digest("new"), entry(NOW + 60), NOW + 1), 1);
    assert!(cache.get(&digest("new"), NOW + 1, |_| true).is_some());
    assert_eq!(cache.put(digest("late"), entry(NOW), NOW + 1), 0, "dead on arrival");
    assert!(cache.get(&digest("new"), NOW + 1, |_| true).is_some());

    let shards = Cache::new(160);
    for n in 0..10_000 {
        shards.put(digest(&format!("a {n}")), entry(NOW + 1), NOW);
    }
    let full = shards.len();
    assert!(shards.put(digest("b"), entry(NOW + 60), NOW + 1) > 1, "all that have expired");
    assert!(shards.len() < full);
}

#[test]
fn the_same_token_again_takes_no_more_room() {
    let cache = Cache::new(1);
    for _ in 0..3 {
        assert_eq!(cache.put(digest("same"), entry(NOW + 60), NOW), 0);
    }
    assert_eq!(cache.len(), 1);
}
