//! The contract of AgentCore Runtime.

use http::HeaderValue;
use serde_json::json;

use super::house::{Answered, House, SESSION, get, post, until, with};

fn house() -> House {
    House::scripted(&json!([
        { "match": "clock", "replies": [
            { "tools": [{ "name": "clock___now" }] }, { "text": "it is noon" }
        ] },
        { "match": "change", "replies": [
            { "tools": [{ "name": "shop___change" }] }, { "text": "done" }
        ] },
        { "match": "break", "replies": [
            { "fault": { "kind": "throttled", "message": "too many requests" } }
        ] },
        { "replies": [{ "text": "hello there" }] }
    ]))
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_in_one_document() {
    let mut house = house();
    let asked =
        post("/invocations", &json!({ "prompt": "the clock", "sessionId": "s-1", "model": "two" }));
    let parent = format!("00-{}-{}-01", "a".repeat(32), "b".repeat(16));
    let answer = house.send(with(asked, "traceparent", &parent)).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!((&body["answer"], &body["sessionId"]), (&json!("it is noon"), &json!("s-1")));
    assert_eq!(body["trace"], "a".repeat(32));
    assert_eq!(body["requestId"], answer.header("x-request-id"));
    let end = &body["end"];
    assert_eq!((&end["reason"], &end["model"]), (&json!("answered"), &json!("two")));
    assert_eq!(
        (&end["model_id"], &end["tools_used"]),
        (&json!("id-of-two"), &json!(["clock___now"]))
    );
    assert_eq!(house.called(), ["clock___now"]);
    for name in ["input", "text", "message"] {
        let other = house.send(post("/invocations", &json!({ name: "hi" }))).await;
        assert_eq!(other.json()["answer"], "hello there", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn or_as_it_comes() {
    let mut house = house();
    let ask = |body| post("/invocations", &body);
    let plain = json!({ "prompt": "the clock" });
    let cases = [
        with(ask(plain.clone()), "accept", "text/event-stream"),
        with(ask(plain.clone()), "accept", "text/event-stream, application/json"),
        ask(json!({ "prompt": "the clock", "stream": true })),
    ];
    for case in cases {
        let answer = house.send(case).await;
        assert_eq!(answer.header(SESSION).len(), 36 + "session-".len(), "{:?}", answer.headers);
        let events = answer.events();
        let ids: Vec<_> = events.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, (1..=events.len()).collect::<Vec<_>>());
        let kinds: Vec<_> = events.iter().map(|(_, it)| it["type"].as_str().unwrap()).collect();
        assert_eq!((kinds.first(), kinds.last()), (Some(&"turn.start"), Some(&"turn.end")));
        assert!(kinds.contains(&"step.start") && kinds.contains(&"text"), "{kinds:?}");
        assert_eq!(events[0].1["request_id"], answer.header("x-request-id"));
    }
    let json = with(ask(plain), "accept", "application/json, text/event-stream");
    assert_eq!(house.send(json).await.header("content-type"), "application/json");
}

#[tokio::test(start_paused = true)]
async fn the_sessions_name_is_kept_or_made() {
    let mut house = house();
    let ask = || post("/invocations", &json!({ "prompt": "hi", "sessionId": "of-the-body" }));
    let name = "n".repeat(33);
    let kept = house.send(with(ask(), SESSION, &name)).await;
    assert_eq!(kept.header(SESSION), name, "the header wins");
    assert_eq!(kept.json()["sessionId"], name);
    assert_eq!(house.send(ask()).await.header(SESSION), "of-the-body");
    let made = house.send(post("/invocations", &json!({ "prompt": "hi" }))).await;
    assert!((33..=256).contains(&made.header(SESSION).len()), "{:?}", made.headers);
    for length in [0, 32, 257] {
        let odd = house.send(with(ask(), SESSION, &"n".repeat(length))).await;
        odd.refuses(400, "33 to 256");
    }
    let mut odd = ask();
    odd.headers_mut().insert(SESSION, HeaderValue::from_bytes(&[0xff; 40]).unwrap());
    house.send(odd).await.refuses(400, "no text");
    let odd = post("/invocations", &json!({ "prompt": "hi", "sessionId": "a\nb" }));
    house.send(odd).await.refuses(400, "control character");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_question_is_said() {
    let mut house = house();
    house.options.most_bytes = 50_000;
    let cases = [
        (json!({}), 400, "prompt"),
        (json!({ "prompt": 7 }), 400, "string"),
        (json!({ "prompt": " \n" }), 400, "no question"),
        (json!({ "prompt": "hi", "model": "nobody" }), 400, "there are: one, two"),
        (json!({ "prompt": "x".repeat(32_001) }), 413, "longer than 32000 bytes"),
        (json!({ "prompt": "x".repeat(60_000) }), 413, "too large"),
    ];
    for (body, status, says) in cases {
        house.send(post("/invocations", &body)).await.refuses(status, says);
    }
    let mut broken = post("/invocations", &json!({}));
    *broken.body_mut() = "{\"prompt\": \"hi".into();
    house.send(broken).await.refuses(400, "EOF");
    house.send(get("/invocations")).await.refuses(405, "GET");
    house.send(post("/ping", &json!({}))).await.refuses(405, "POST");
    house.send(get("/nothing/here")).await.refuses(404, "/nothing/here");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_is_a_bad_gateway_and_says_so() {
    let answer = house().send(post("/invocations", &json!({ "prompt": "break" }))).await;
    assert_eq!(answer.status, 502);
    let end = &answer.json()["end"];
    assert_eq!((&end["reason"], &end["retry_safe"]), (&json!("model_failed"), &json!(true)));
    assert_eq!(end["says"], "too many requests");
}

#[tokio::test(start_paused = true)]
async fn nobody_can_be_asked_whether_a_tool_may_run() {
    let mut house = house();
    let asked = post("/invocations", &json!({ "prompt": "change it", "stream": true }));
    let answer = house.send(asked).await;
    let events = answer.events();
    let denied = events.iter().any(|(_, it)| it["outcome"] == "denied");
    assert!(denied && house.called().is_empty(), "{events:?}");
    let (turn, step) =
        (&events[0].1["turn"], events.iter().find(|(_, it)| it["type"] == "approval"));
    if let Some((_, approval)) = step {
        let path = format!("/api/turns/{}/approve", turn.as_str().unwrap());
        let late = json!({ "step": approval["step"], "yes": true });
        house.send(post(&path, &late)).await.refuses(409, "nobody asks");
    }
}

#[tokio::test]
async fn a_turn_ends_with_whoever_asked() {
    let mut house = House::gated();
    for stream in [true, false] {
        let (router, shared) = house.at("127.0.0.1:8080");
        let asked = post("/invocations", &json!({ "prompt": "hi", "stream": stream }));
        let mut going = shared.turns.watch();
        let asking = tokio::spawn(async move {
            let response = tower::ServiceExt::oneshot(router, asked).await.unwrap();
            Answered::of(response).await
        });
        going.wait_for(|going| *going == 1).await.unwrap();
        asking.abort();
        going.wait_for(|going| *going == 0).await.unwrap();
    }
    // The page's turns go on: it may come back.
    let id = house.turn("hi").await;
    let path = format!("/api/turns/{id}/events");
    let mut body = house.begin(get(&path)).await.into_body().into_data_stream();
    until(&mut body, "step.start").await;
    drop(body);
    house.open_gate();
    let all = house.send(get(&path)).await.events();
    assert_eq!(all.last().unwrap().1["reason"], "answered");
}

#[tokio::test]
async fn it_is_busy_while_turns_go_on_and_its_time_stands_still() {
    let mut house = House::gated();
    let idle = house.send(get("/ping")).await.json();
    assert_eq!(idle["status"], "Healthy");
    assert!(idle["time_of_last_update"].is_u64(), "{idle}");
    assert_eq!(house.send(get("/ping")).await.json(), idle);
    let id = house.turn("hi").await;
    let busy = house.send(get("/ping")).await.json();
    assert_eq!(busy["status"], "HealthyBusy");
    assert_eq!(house.send(get("/ping")).await.json(), busy);
    house.open_gate();
    house.send(get(&format!("/api/turns/{id}/events"))).await;
    assert_eq!(house.send(get("/ping")).await.json()["status"], "Healthy");
}

#[tokio::test]
async fn no_more_turns_than_agreed_and_none_once_it_stops() {
    let mut house = House::gated();
    house.options.most_turns = 1;
    let id = house.turn("hi").await;
    for path in ["/invocations", "/api/turns"] {
        let word = if path == "/invocations" { "prompt" } else { "text" };
        let more = house.send(post(path, &json!({ word: "hi" }))).await;
        more.refuses(429, "as many turns go on as may");
        assert_eq!(more.header("retry-after"), "1");
    }
    house.open_gate();
    house.send(get(&format!("/api/turns/{id}/events"))).await;
    house.turn("again").await;
    let (router, shared) = house.at("127.0.0.1:8080");
    shared.draining.store(true, std::sync::atomic::Ordering::Release);
    let late = post("/invocations", &json!({ "prompt": "hi" }));
    let late = tower::ServiceExt::oneshot(router.clone(), late).await.unwrap();
    let late = Answered::of(late).await;
    late.refuses(503, "stopping");
    assert_eq!(late.header("retry-after"), "1");
    let ready = tower::ServiceExt::oneshot(router, get("/ready")).await.unwrap();
    assert_eq!(ready.status(), 503);
}

#[tokio::test(start_paused = true)]
async fn it_is_alive_even_when_it_is_not_ready() {
    let mut house = house().unwell();
    let ready = house.send(get("/ready")).await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["parts"][0]["name"], "model");
    assert_eq!(house.send(get("/livez")).await.status, 200);
    assert_eq!(house.send(get("/ping")).await.status, 200);
    let mut well = self::house();
    assert_eq!(well.send(get("/ready")).await.status, 200);
}
