//! What the page asks.

use serde_json::json;

use super::house::{House, delete, events, get, post, until, with};

fn house() -> House {
    House::scripted(&json!([
        { "match": "change", "replies": [
            { "tools": [{ "name": "shop___change", "input": { "to": 1 } }] }, { "text": "done" }
        ] },
        { "match": "slow", "replies": [{ "think_ms": 60_000, "text": "never" }] },
        { "replies": [{ "text": "one two three" }] }
    ]))
}

#[tokio::test(start_paused = true)]
async fn it_tells_what_there_is() {
    let mut house = house();
    let who = house.send(get("/api/whoami")).await.json();
    assert_eq!(
        (&who["actor"], &who["open"], &who["memory"]),
        (&json!("local"), &json!(true), &json!(null))
    );
    assert_eq!(who["trace_url"], "http://traces.example.com/{trace}");
    assert_eq!(who["examples"], json!(["What time is it?"]));
    let models = house.send(get("/api/models")).await.json();
    let keys: Vec<_> = models["models"].as_array().unwrap().iter().map(|it| &it["key"]).collect();
    assert_eq!(keys, ["one", "two"]);
    let tools = house.send(get("/api/tools")).await.json();
    assert_eq!(tools["missing"], json!(["k8s"]));
    let names: Vec<_> = tools["targets"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["clock", "shop"]);
    let change = &tools["targets"][1]["tools"][0];
    assert_eq!((&change["name"], &change["read_only"]), (&json!("change"), &json!(false)));
    assert_eq!(change["full"], "shop___change");
    // Memory is off: that is said, and no failure.
    assert_eq!(
        house.send(get("/api/sessions")).await.json(),
        json!({ "sessions": [], "next": null })
    );
    house.send(get("/api/memory")).await.refuses(404, "switched off");
    house.send(delete("/api/memory")).await.refuses(404, "switched off");
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_hears_the_rest() {
    let mut house = house();
    let id = house.turn("hi").await;
    let path = format!("/api/turns/{id}/events");
    let all = house.send(get(&path)).await.events();
    for seen in 0..all.len() {
        let rest = house.send(with(get(&path), "last-event-id", &seen.to_string())).await;
        assert_eq!(rest.events(), all[seen..], "after {seen}");
    }
    for odd in [&all.len().to_string(), "99999"] {
        let rest = house.send(with(get(&path), "last-event-id", odd)).await;
        assert_eq!((rest.status.as_u16(), rest.body.as_str()), (200, ""));
    }
    let odd = house.send(with(get(&path), "last-event-id", "no number")).await;
    assert_eq!(odd.events().len(), all.len());
}

#[tokio::test(start_paused = true)]
async fn turns_that_have_ended_are_kept_for_a_while() {
    let mut house = house();
    let first = house.turn("hi").await;
    let path = |id: &str| format!("/api/turns/{id}/events");
    house.send(get(&path(&first))).await;
    let mut last = String::new();
    for _ in 0..128 {
        assert_eq!(house.begin(get(&path(&first))).await.status(), 200);
        last = house.turn("hi").await;
        house.idle().await;
    }
    house.send(get(&path(&first))).await.refuses(404, "no such turn");
    assert_eq!(house.send(get(&path(&last))).await.status, 200);

    // A long answer, many times: bytes count as well.
    let words = "x".repeat(32 << 10);
    let mut house = House::scripted(&json!([{ "replies": [{ "text": words }] }]));
    let first = house.turn("hi").await;
    house.idle().await;
    for kept in [true, false] {
        for _ in 0..20 {
            house.turn("hi").await;
            house.idle().await;
        }
        let head = house.begin(get(&path(&first))).await;
        assert_eq!(head.status().is_success(), kept, "{}", head.status());
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_stopped() {
    let mut house = house();
    let id = house.turn("slow").await;
    for _ in 0..2 {
        let stop = house.send(post(&format!("/api/turns/{id}/stop"), &json!({}))).await;
        assert_eq!(stop.status, 204);
    }
    let all = house.send(get(&format!("/api/turns/{id}/events"))).await.events();
    let end = &all.last().unwrap().1;
    assert_eq!((&end["type"], &end["reason"]), (&json!("turn.end"), &json!("stopped")));
    house.send(post("/api/turns/nobody/stop", &json!({}))).await.refuses(404, "no such turn");
}

#[tokio::test(start_paused = true)]
async fn what_changes_something_waits_for_a_word_once() {
    for yes in [true, false] {
        let mut house = house();
        let id = house.turn("change it").await;
        let (path, approve) =
            (format!("/api/turns/{id}/events"), format!("/api/turns/{id}/approve"));
        let mut body = house.begin(get(&path)).await.into_body().into_data_stream();
        let asked = until(&mut body, "approval").await;
        assert_eq!(
            (&asked["tool"], &asked["arguments"]),
            (&json!("shop___change"), &json!({ "to": 1 }))
        );
        let word = json!({ "step": asked["step"], "yes": yes });
        house
            .send(post(&approve, &json!({ "step": 99, "yes": yes })))
            .await
            .refuses(409, "nobody asks");
        house.send(post(&approve, &json!({ "step": 1 }))).await.refuses(400, "yes");
        assert_eq!(house.send(post(&approve, &word)).await.status, 204);
        house.send(post(&approve, &word)).await.refuses(409, "nobody asks");
        let end = until(&mut body, "turn.end").await;
        assert_eq!(end["reason"], "answered");
        assert_eq!(house.called().len(), usize::from(yes));
    }
}

#[tokio::test(start_paused = true)]
async fn questions_of_the_page_are_looked_at() {
    let mut house = house();
    let cases = [
        (json!({}), "text"),
        (json!({ "text": "" }), "no question"),
        (json!({ "text": "hi", "model": "nobody" }), "one, two"),
        (json!({ "text": "hi", "session": "" }), "empty"),
        (json!({ "text": "hi", "actor": "ann" }), "unknown field"),
    ];
    for (body, says) in cases {
        house.send(post("/api/turns", &body)).await.refuses(400, says);
    }
    let begun = house
        .send(post("/api/turns", &json!({ "text": "hi", "model": "two", "session": "s" })))
        .await;
    let begun = begun.json();
    assert_eq!(begun["session"], "s");
    let path = format!("/api/turns/{}/events", begun["turn"].as_str().unwrap());
    let all = house.send(get(&path)).await.body;
    assert_eq!(events(&all)[0].1["model"], "two");
}
