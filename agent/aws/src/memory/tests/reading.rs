//! Events and sessions that are read back.

use std::time::Duration;

use serde_json::{Value, json};
use toolgate_agent_memory::{Memory as _, Role, Why};

use super::{AT, ID, actor, answers, asked, at, event, open, said, service, session};
use crate::memory::{AgentCoreMemory, MemoryOptions};
use crate::tests::stub;

fn label(turn: &str) -> Value {
    let text = |text: &str| json!({ "stringValue": text });
    json!({
        "type": text("conversation_turn"),
        "turn": text(turn),
        "model": text("haiku"),
        "took_ms": text("2500"),
        "tools": text("k8s___pods odd=20tool"),
    })
}

fn page(events: &[Value], next: Option<&str>) -> Vec<u8> {
    let mut body = json!({ "events": events });
    if let Some(next) = next {
        body["nextToken"] = json!(next);
    }
    stub::json(200, &body)
}

#[tokio::test]
async fn the_newest_page_comes_first_and_each_in_order_of_time() {
    let both = |n: u64| json!([said("USER", &format!("q{n}")), said("ASSISTANT", "a")]);
    let newest = [
        event("bob", "s-1", 3, &both(3), &label("t-3")),
        event("bob", "s-1", 2, &both(2), &label("t-2")),
    ];
    let oldest = [event("bob", "s-1", 1, &both(1), &json!({}))];
    let stub = answers(vec![page(&newest, Some("more")), page(&oldest, None)]).await;
    let memory = open(&stub).await;
    let (bob, here) = (actor("bob"), session("s-1"));
    let first = memory.events(&bob, &here, None).await.unwrap();
    let words: Vec<&str> = first.entries.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(words, ["q2", "a", "q3", "a"]);
    let (question, answer) = (&first.entries[0], &first.entries[1]);
    assert_eq!((question.id.as_str(), question.turn.as_str()), ("t-2/user", "t-2"));
    assert_eq!((question.role, question.at), (Role::User, at(AT + 2)));
    assert_eq!((&question.model, &question.took, question.tools.len()), (&None, &None, 0));
    assert_eq!(answer.role, Role::Assistant);
    assert_eq!(answer.at, at(AT + 2) + Duration::from_millis(2_500));
    assert_eq!(answer.took, Some(Duration::from_millis(2_500)));
    assert_eq!(answer.model.as_deref(), Some("haiku"));
    assert_eq!(answer.tools, ["k8s___pods", "odd tool"]);

    let rest = memory.events(&bob, &here, first.next.as_deref()).await.unwrap();
    assert_eq!((rest.entries.len(), rest.next), (2, None));
    // An event that somebody else has written has no turn but itself.
    assert_eq!(rest.entries[0].turn, format!("{:016}#00ab", (AT + 1) * 1_000));

    let line = format!("POST /memories/{ID}/actor/bob/sessions/s-1");
    let mut body = json!({ "includePayloads": true, "maxResults": 50 });
    assert_eq!(asked(&stub)[0], (line.clone(), body.clone()));
    body["nextToken"] = json!("more");
    assert_eq!(asked(&stub)[1], (line, body));
}

#[tokio::test]
async fn roles_have_their_words_and_long_texts_are_whole_again() {
    let parts = json!([
        said("USER", "one "),
        said("USER", "two"),
        said("TOOL", "rows"),
        said("OTHER", "x"),
        said("NOBODY", "y"),
        { "blob": { "state": 1 } },
        { "json": { "content": { "n": 1 } } },
        said("ASSISTANT", "done"),
    ]);
    let stub = answers(vec![page(&[event("bob", "s-1", 1, &parts, &label("t"))], None)]).await;
    let page = open(&stub).await.events(&actor("bob"), &session("s-1"), None).await.unwrap();
    let all: Vec<(Role, &str)> =
        page.entries.iter().map(|event| (event.role, event.text.as_str())).collect();
    let wanted = [
        (Role::User, "one two"),
        (Role::Tool, "rows"),
        (Role::Other, "xy"),
        (Role::Assistant, "done"),
    ];
    assert_eq!(all, wanted);
}

#[tokio::test]
async fn what_is_not_of_the_actor_and_session_or_too_old_is_left_out() {
    let words = json!([said("USER", "canary")]);
    let foreign = [
        event("alice", "s-1", 1, &words, &label("t")),
        event("bob", "s-2", 2, &words, &label("t")),
    ];
    let stub = answers(vec![page(&foreign, None)]).await;
    let got = open(&stub).await.events(&actor("bob"), &session("s-1"), None).await.unwrap();
    assert!(got.entries.is_empty());

    // Said in 1970, which is longer ago than a day.
    let mut old = event("bob", "s-1", 1, &words, &label("t"));
    old["eventTimestamp"] = json!(86_400);
    let stub = answers(vec![page(&[old], None)]).await;
    let options =
        MemoryOptions { retention: Duration::from_secs(86_400), ..super::options(Some(ID)) };
    let memory = AgentCoreMemory::with(&stub.cloud().await, options, super::hasty());
    let got = memory.events(&actor("bob"), &session("s-1"), None).await.unwrap();
    assert!(got.entries.is_empty());
}

#[tokio::test]
async fn a_hostile_name_stays_in_its_place() {
    let stub = answers(vec![page(&[], None)]).await;
    let memory = open(&stub).await;
    for (name, id) in [
        ("bob/sessions/s-2", "x-e-bob_2fsessions_2fs-2"),
        ("../../x", "x-e-_2e_2e_2f_2e_2e_2fx"),
        ("{actorId}", "x-e-_7bactorId_7d"),
        ("a?b#c%2f", "x-e-a_3fb_23c_252f"),
    ] {
        memory.events(&actor(name), &session(name), None).await.unwrap();
        let (line, _) = asked(&stub).pop().unwrap();
        assert_eq!(line, format!("POST /memories/{ID}/actor/{id}/sessions/{id}"));
    }
}

#[tokio::test]
async fn a_cursor_of_somebody_else_is_refused() {
    let stub = answers(vec![stub::error(400, "ValidationException", "canary token")]).await;
    let memory = open(&stub).await;
    let (bob, here) = (actor("bob"), session("s-1"));
    let long = "x".repeat(5_000);
    for (odd, times) in [("", 0), (long.as_str(), 0), ("ü", 0), ("v1-0-0", 1)] {
        let error = memory.events(&bob, &here, Some(odd)).await.unwrap_err();
        assert_eq!(error.why, Why::NotSupported);
        assert!(!error.to_string().contains("canary"), "{error}");
        assert_eq!(asked(&stub).len(), times);
    }
    // That says nothing of the memory.
    assert!(memory.health().ok);
}

fn found(id: &str, n: u64) -> Value {
    json!({ "sessionId": id, "actorId": "bob", "createdAt": AT + n })
}

#[tokio::test]
async fn sessions_have_titles_times_and_turns() {
    let hashed = format!("x-h-{}", "0".repeat(64));
    let list = json!({
        "sessionSummaries": [
            found("s-1", 0),
            found(&hashed, 5),
            found("s_empty", 1),
            { "sessionId": "s-9", "actorId": "alice", "createdAt": AT },
        ],
        "nextToken": "more",
    });
    let stub = service(move |asked| {
        let question =
            |n: u64| json!([said("USER", &format!("question {n}\nmore")), said("ASSISTANT", "a")]);
        let session = asked.line.rsplit('/').next().unwrap();
        match session {
            "sessions" => stub::json(200, &list),
            "s-1" => page(
                &[
                    event("bob", "s-1", 9, &question(9), &label("t-9")),
                    event("bob", "s-1", 0, &question(0), &label("t-0")),
                ],
                None,
            ),
            "s_empty" => page(&[], None),
            hashed => {
                let mut label = label("t-20");
                label["session"] = json!({ "stringValue": "named =c3=bc" });
                page(&[event("bob", hashed, 20, &question(20), &label)], None)
            }
        }
    })
    .await;
    let memory = open(&stub).await;
    let page = memory.sessions(&actor("bob"), None).await.unwrap();
    assert_eq!(page.next.as_deref(), Some("more"));
    let names: Vec<&str> = page.entries.iter().map(|it| it.session.as_str()).collect();
    assert_eq!(names, ["named ü", "s-1"]);
    let first = &page.entries[1];
    assert_eq!((first.title.as_str(), first.turns), ("question 0", 2));
    assert_eq!(first.began, at(AT));
    assert_eq!(first.last, at(AT + 9) + Duration::from_millis(2_500));
    let wanted = (
        format!("POST /memories/{ID}/actor/bob/sessions"),
        json!({ "maxResults": 10, "filter": { "eventFilter": "HAS_EVENTS" } }),
    );
    assert_eq!(asked(&stub)[0], wanted);
    assert_eq!(asked(&stub).len(), 4);
}
