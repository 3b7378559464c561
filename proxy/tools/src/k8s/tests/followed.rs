//! A log that goes on, however much of it was there before.

use serde_json::json;

use super::tools;
use crate::testing::{Fixture, Say, call};

fn text(body: String) -> Say {
    Say::This(200, vec![("content-type", "text/plain".into())], body)
}

#[tokio::test]
async fn a_followed_log_ends_by_what_is_new_and_not_by_what_was_there() {
    let follow = |tail| json!({ "namespace": "a", "pod": "b", "tail": tail, "follow_seconds": 9 });
    let long = "x y ".repeat(3 << 18);
    let before = format!("{long}\n{long}\n{long}\n");
    let fixture = Fixture::saying(text(format!("{before}new\n"))).await;
    let reply = call(&tools(&fixture.url), "pod_logs", follow(3)).await;
    let told = reply.structured();
    // More than is kept, and than an answer of a cluster may be: what is new is there all the same.
    assert!(told["text"].as_str().is_some_and(|text| text.ends_with("new")), "{}", told["lines"]);
    let left_out = told["left_out"].as_str().unwrap_or_default();
    assert!(left_out.starts_with("the oldest lines"), "{left_out}");
    assert_eq!(fixture.asked()[0].field("limitBytes"), None);
    // The same bytes, of which but the first line can have been there.
    let fixture = Fixture::saying(text(format!("{before}new\n"))).await;
    let reply = call(&tools(&fixture.url), "pod_logs", follow(1)).await;
    let left_out = reply.structured()["left_out"].as_str().unwrap_or_default().to_owned();
    assert!(left_out.contains("4 MiB of new lines"), "{left_out}");
    assert!(!reply.structured()["text"].as_str().unwrap().ends_with("new"));
}
