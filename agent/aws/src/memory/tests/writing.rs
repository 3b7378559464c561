//! Turns that are kept.

use serde_json::{Value, json};
use toolgate_agent_memory::{Memory as _, Turn, Why};

use super::{ID, actor, answers, asked, open, session, turn};
use crate::tests::stub;

fn kept() -> Vec<u8> {
    stub::json(201, &json!({ "event": super::event("a", "s", 0, &json!([]), &json!({})) }))
}

/// What is sent for a turn.
async fn sent(turn: &Turn) -> (String, Value) {
    let stub = answers(vec![kept()]).await;
    open(&stub).await.remember(turn).await.unwrap();
    asked(&stub).remove(0)
}

#[tokio::test]
async fn a_turn_is_one_event_with_both_sides_and_its_labels() {
    let (line, mut body) = sent(&turn()).await;
    assert_eq!(line, format!("POST /memories/{ID}/events"));
    let token = body.as_object_mut().unwrap().remove("clientToken").unwrap();
    assert_eq!(token.as_str().unwrap().len(), 64);
    let text = |text: &str| json!({ "stringValue": text });
    let wanted = json!({
        "actorId": "x-e-alice_40example_2ecom",
        "sessionId": "session-1",
        "eventTimestamp": 1_800_000_000.25,
        "payload": [
            super::said("USER", "why is it slow?"),
            super::said("ASSISTANT", "The database waits."),
        ],
        "metadata": {
            "type": text("conversation_turn"),
            "turn": text("0193aaaa-0000-7000-8000-000000000001"),
            "model": text("haiku"),
            "took_ms": text("2500"),
            "tools": text("k8s___pods odd=20tool=2c=20=c3=bc"),
        },
    });
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn the_same_turn_has_the_same_token_and_another_one_another() {
    let token = async |turn: &Turn| sent(turn).await.1["clientToken"].clone();
    let first = token(&turn()).await;
    assert_eq!(token(&turn()).await, first);
    // Nobody's turn passes for one of somebody else.
    let others = [
        Turn { id: "other".to_owned(), ..turn() },
        Turn { actor: actor("bob"), ..turn() },
        Turn { session: session("session-2"), ..turn() },
    ];
    for other in others {
        assert_ne!(token(&other).await, first, "{other:?}");
    }
}

#[tokio::test]
async fn a_name_that_its_id_does_not_tell_stands_beside() {
    let name = "ü".repeat(120);
    let (_, body) = sent(&Turn { session: session(&name), ..turn() }).await;
    let id = body["sessionId"].as_str().unwrap();
    assert!(id.starts_with("x-h-") && id.len() == 68, "{id}");
    let part = |key: &str| body["metadata"][key]["stringValue"].as_str().unwrap().to_owned();
    let whole = part("session") + &part("session.2") + &part("session.3");
    assert_eq!(whole, "=c3=bc".repeat(120));
}

#[tokio::test]
async fn a_long_text_comes_in_parts_and_an_empty_one_not_at_all() {
    let long = "ü".repeat(60_000);
    let (_, body) = sent(&Turn { asked: long.clone(), answered: String::new(), ..turn() }).await;
    let parts = body["payload"].as_array().unwrap();
    let texts = parts.iter().map(|part| {
        assert_eq!(part["conversational"]["role"], "USER");
        part["conversational"]["content"]["text"].as_str().unwrap()
    });
    let texts: Vec<&str> = texts.collect();
    assert_eq!(texts.iter().map(|text| text.len()).collect::<Vec<_>>(), [100_000, 20_000]);
    assert_eq!(texts.concat(), long);

    let endless = "x".repeat(20_000_000);
    let (_, body) = sent(&Turn { asked: endless.clone(), answered: endless, ..turn() }).await;
    assert_eq!(body["payload"].as_array().unwrap().len(), 96);

    let stub = answers(vec![kept()]).await;
    let empty = Turn { asked: String::new(), answered: String::new(), ..turn() };
    open(&stub).await.remember(&empty).await.unwrap();
    assert!(asked(&stub).is_empty());
}

#[tokio::test]
async fn what_is_not_kept_is_counted_and_told() {
    let refused = stub::error(429, "ThrottledException", "canary-4711");
    let stub = answers(vec![refused, kept()]).await;
    let memory = open(&stub).await;
    let error = memory.remember(&turn()).await.unwrap_err();
    assert_eq!(error.why, Why::Throttled);
    let health = memory.health();
    assert_eq!((health.ok, health.lost, health.waiting), (false, 1, 0));
    assert!(health.detail.contains("more requests than it takes"), "{}", health.detail);
    memory.remember(&turn()).await.unwrap();
    let health = memory.health();
    assert_eq!((health.ok, health.lost, health.waiting), (true, 1, 0));
    assert!(health.detail.contains("about a minute later"), "{}", health.detail);
}
