//! Records that bear on a question.

use serde_json::{Value, json};
use toolgate_agent_memory::{Memory as _, Namespace, Question, Record, Why};

use super::{AT, ID, actor, answers, asked, at, open, service, session};
use crate::tests::stub;

const PREFERENCES: &str = "/agent/devops/bob/preferences/";
const SEMANTIC: &str = "/agent/devops/bob/semantic/";

fn record(n: u64, path: &str, text: &str, score: f64) -> Value {
    json!({
        "memoryRecordId": format!("mem-{n:036}"),
        "content": { "text": text },
        "memoryStrategyId": "DevOpsAgentSemantic-0123456789",
        "namespaces": [path],
        "createdAt": AT + n,
        "score": score,
    })
}

fn page(records: &[Value]) -> Vec<u8> {
    stub::json(200, &json!({ "memoryRecordSummaries": records }))
}

/// Answers by the path that was asked for.
async fn by_path(preferences: Vec<Value>, facts: Vec<Value>) -> stub::Stub {
    service(move |asked| {
        let path = asked.json()["namespace"].clone();
        page(if path == PREFERENCES { &preferences } else { &facts })
    })
    .await
}

async fn recalled(stub: &stub::Stub, text: &str, most: usize, threshold: f32) -> Vec<Record> {
    let (actor, session) = (actor("bob"), session("s-1"));
    let question =
        Question { actor: &actor, session: &session, text, most, threshold, now: at(AT + 100) };
    open(stub).await.recall(&question).await.unwrap()
}

#[tokio::test]
async fn both_paths_are_searched_and_the_most_relevant_comes_first() {
    let preference = r#"{"context":"said so","preference":"Prefers EKS","categories":["aws"]}"#;
    let stub = by_path(
        vec![record(1, PREFERENCES, preference, 0.7), record(2, PREFERENCES, "{\"x\":1}", 0.2)],
        vec![
            record(3, SEMANTIC, "The pager is bob's.", 0.9),
            record(4, SEMANTIC, "The database is Aurora.", 0.3),
            record(5, SEMANTIC, "Far.", 0.299),
        ],
    )
    .await;
    let found = recalled(&stub, "  which cluster? ", 3, 0.3).await;
    let words: Vec<&str> = found.iter().map(|record| record.content.as_str()).collect();
    assert_eq!(words, ["The pager is bob's.", "Prefers EKS", "The database is Aurora."]);
    assert_eq!(found[0].namespace, Namespace::Semantic);
    assert_eq!((found[1].namespace, found[1].at), (Namespace::Preferences, at(AT + 1)));
    assert!((found[1].score - 0.7).abs() < 1e-6 && found[1].session.is_none());

    let mut asked = asked(&stub);
    asked.sort_by_key(|(_, body)| body["namespace"].to_string());
    for ((line, body), path) in asked.iter().zip([PREFERENCES, SEMANTIC]) {
        assert_eq!(*line, format!("POST /memories/{ID}/retrieve"));
        let criteria = json!({ "searchQuery": "which cluster?", "topK": 3 });
        let wanted = json!({ "namespace": path, "searchCriteria": criteria, "maxResults": 3 });
        assert_eq!(*body, wanted);
    }
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn at_most_so_many_and_nothing_for_nothing() {
    let many = |path: &'static str| (0..5).map(|n| record(n, path, "x", 0.5)).collect();
    let stub = by_path(many(PREFERENCES), many(SEMANTIC)).await;
    assert_eq!(recalled(&stub, "q", 4, 0.0).await.len(), 4);
    let before = asked(&stub).len();
    assert!(recalled(&stub, "q", 0, 0.0).await.is_empty());
    assert!(recalled(&stub, " \n", 5, 0.0).await.is_empty());
    assert_eq!(asked(&stub).len(), before);
    // The service takes a hundred and 10,000 characters.
    recalled(&stub, &"ü".repeat(9_000), 500, 0.0).await;
    let (_, body) = asked(&stub).pop().unwrap();
    assert_eq!(body["searchCriteria"]["topK"], 100);
    assert_eq!(body["searchCriteria"]["searchQuery"].as_str().unwrap().len(), 10_000);
}

#[tokio::test]
async fn a_record_of_another_path_is_left_out_whatever_the_service_answers() {
    let foreign =
        ["/agent/devops/bob2/semantic/", "/agent/devops/bob/semantic/x/", "/agent/devops/", "/"];
    let mut records: Vec<Value> =
        foreign.iter().map(|path| record(1, path, "canary", 1.0)).collect();
    records.push(record(2, "/agent/devops/bob/semantic", "own", 1.0));
    let stub = by_path(vec![], records).await;
    let found = recalled(&stub, "q", 10, 0.0).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].content, "own");
}

#[tokio::test]
async fn what_is_known_is_listed_the_latest_first() {
    let records = [record(1, SEMANTIC, "old", 0.0), record(2, SEMANTIC, "new", 0.0)];
    let body = json!({ "memoryRecordSummaries": records, "nextToken": "more" });
    let stub = answers(vec![stub::json(200, &body)]).await;
    let memory = open(&stub).await;
    let page = memory.records(&actor("bob"), Namespace::Semantic, Some("here")).await.unwrap();
    let words: Vec<&str> = page.entries.iter().map(|record| record.content.as_str()).collect();
    assert_eq!((words.as_slice(), page.next.as_deref()), (&["new", "old"][..], Some("more")));
    let wanted = (
        format!("POST /memories/{ID}/memoryRecords"),
        json!({ "namespace": SEMANTIC, "maxResults": 50, "nextToken": "here" }),
    );
    assert_eq!(asked(&stub), [wanted]);

    let error = memory.records(&actor("bob"), Namespace::Conversation, None).await.unwrap_err();
    assert_eq!(error.why, Why::NotSupported);
    assert_eq!(asked(&stub).len(), 1);
}
