//! What is forgotten.

use serde_json::{Value, json};
use toolgate_agent_memory::{Forget, Memory as _, Why};

use super::{ID, actor, answers, asked, event, open, service, session};
use crate::tests::stub;

const RECORD: &str = "mem-0123456789012345678901234567890123456789";

fn id(n: u64) -> String {
    event("", "", n, &Value::Null, &Value::Null)["eventId"].as_str().unwrap().to_owned()
}

fn events(session: &str, numbers: &[u64], next: Option<&str>) -> Vec<u8> {
    let each = numbers.iter().map(|n| {
        let mut event = event("bob", session, *n, &Value::Null, &json!({}));
        event.as_object_mut().unwrap().remove("payload");
        event
    });
    let mut body = json!({ "events": each.collect::<Vec<_>>() });
    if let Some(next) = next {
        body["nextToken"] = json!(next);
    }
    stub::json(200, &body)
}

fn record(path: &str) -> Value {
    json!({
        "memoryRecordId": RECORD,
        "content": { "text": "canary" },
        "memoryStrategyId": "x-0123456789",
        "namespaces": [path],
        "createdAt": 1.8e9,
    })
}

#[tokio::test]
async fn all_events_of_a_session_go() {
    let stub = service(|asked| {
        if asked.line.starts_with("DELETE") {
            // Somebody else has deleted one of them already.
            return match asked.line.contains(&format!("{}%23", id(2).split('#').next().unwrap())) {
                true => stub::error(404, "ResourceNotFoundException", ""),
                false => stub::json(200, &json!({ "eventId": "1#ab" })),
            };
        }
        match asked.json()["nextToken"].as_str() {
            None => events("s-1", &[3, 2], Some("more")),
            Some(_) => events("s-1", &[1], None),
        }
    })
    .await;
    let memory = open(&stub).await;
    let gone = memory.forget(&actor("bob"), &Forget::Session(session("s-1"))).await.unwrap();
    assert_eq!(gone, 2);
    let all = asked(&stub);
    let list = json!({ "includePayloads": false, "maxResults": 100 });
    assert_eq!(all[0], (format!("POST /memories/{ID}/actor/bob/sessions/s-1"), list));
    let mut deleted: Vec<&str> = all[2..].iter().map(|(line, _)| line.as_str()).collect();
    deleted.sort_unstable();
    let line = |n: u64| {
        let id = id(n).replace('#', "%23");
        format!("DELETE /memories/{ID}/actor/bob/sessions/s-1/events/{id}")
    };
    assert_eq!(deleted, [line(1), line(2), line(3)]);
    assert!(memory.health().ok);
}

#[tokio::test]
async fn a_record_goes_if_it_is_ones_own() {
    let paths = [
        ("/agent/devops/bob/semantic/", 1),
        ("/agent/devops/bob/preferences/", 1),
        ("/agent/devops/alice/semantic/", 0),
        ("/agent/devops/bob2/semantic/", 0),
    ];
    for (path, wanted) in paths {
        let own = json!({ "memoryRecord": record(path) });
        let stub = service(move |asked| match asked.line.starts_with("GET") {
            true => stub::json(200, &own),
            false => stub::json(200, &json!({ "memoryRecordId": RECORD })),
        })
        .await;
        let what = Forget::Record(RECORD.to_owned());
        let gone = open(&stub).await.forget(&actor("bob"), &what).await.unwrap();
        assert_eq!(gone, wanted, "{path}");
        let mut lines = vec![format!("GET /memories/{ID}/memoryRecord/{RECORD}")];
        if wanted == 1 {
            let path = path.replace('/', "%2F");
            lines.push(format!("DELETE /memories/{ID}/memoryRecords/{RECORD}?namespace={path}"));
        }
        assert_eq!(asked(&stub).into_iter().map(|(line, _)| line).collect::<Vec<_>>(), lines);
    }
}

#[tokio::test]
async fn a_record_that_is_not_there_or_cannot_be_is_no_mistake() {
    let stub = answers(vec![stub::error(404, "ResourceNotFoundException", "")]).await;
    let memory = open(&stub).await;
    for (odd, times) in [("", 0), ("../x", 0), ("mem/1", 0), (RECORD, 1)] {
        let gone = memory.forget(&actor("bob"), &Forget::Record(odd.to_owned())).await;
        assert_eq!(gone, Ok(0), "{odd}");
        assert_eq!(asked(&stub).len(), times);
    }
}

/// A service with a session of two events, and one record of each kind.
async fn full(failing: bool) -> stub::Stub {
    let session = json!({ "sessionId": "s_x", "actorId": "bob", "createdAt": 1.8e9 });
    service(move |asked| {
        let path = asked.json()["namespace"].as_str().unwrap_or_default().to_owned();
        match asked.line.rsplit('/').next().unwrap() {
            "sessions" => stub::json(200, &json!({ "sessionSummaries": [session] })),
            "s_x" => events("s_x", &[2, 1], None),
            "memoryRecords" => {
                stub::json(200, &json!({ "memoryRecordSummaries": [record(&path)] }))
            }
            "batchDelete" => {
                let one = json!([{ "memoryRecordId": RECORD, "status": "FAILED" }]);
                let (good, bad) = if failing { (json!([]), one) } else { (one, json!([])) };
                stub::json(200, &json!({ "successfulRecords": good, "failedRecords": bad }))
            }
            _ => stub::json(200, &json!({ "eventId": "1#ab" })),
        }
    })
    .await
}

#[tokio::test]
async fn everything_is_all_sessions_and_all_records() {
    let stub = full(false).await;
    let gone = open(&stub).await.forget(&actor("bob"), &Forget::Everything).await.unwrap();
    assert_eq!(gone, 4);
    let all = asked(&stub);
    let deleted = all.iter().filter(|(line, _)| line.ends_with("/batchDelete"));
    let wanted = ["preferences", "semantic"].map(|kind| {
        let path = format!("/agent/devops/bob/{kind}/");
        json!({ "records": [{ "memoryRecordId": RECORD, "namespace": path }] })
    });
    assert_eq!(deleted.map(|(_, body)| body.clone()).collect::<Vec<_>>(), wanted);
    assert_eq!(all.iter().filter(|(line, _)| line.starts_with("DELETE")).count(), 2);
}

#[tokio::test]
async fn a_good_answer_with_failures_is_no_success() {
    let stub = full(true).await;
    let error = open(&stub).await.forget(&actor("bob"), &Forget::Everything).await.unwrap_err();
    assert_eq!(error.why, Why::Unavailable);
    assert!(error.message.contains("1 records could not be deleted"), "{error}");
}

#[tokio::test]
async fn a_list_without_an_end_is_not_forgotten_in_part() {
    let stub = answers(vec![events("s-1", &[1], Some("again"))]).await;
    let what = Forget::Session(session("s-1"));
    let error = open(&stub).await.forget(&actor("bob"), &what).await.unwrap_err();
    assert_eq!(error.why, Why::Full);
    assert!(asked(&stub).iter().all(|(line, _)| line.starts_with("POST")));
}
