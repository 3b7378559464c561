//! Who signs in to the page.

use serde_json::json;

use super::house::{Answered, House, delete, get, post, with};

fn house() -> House {
    House::scripted(&json!([{ "replies": [{ "text": "hello" }] }])).closed()
}

async fn sign_in(house: &mut House, token: &str) -> Answered {
    house.send(post("/api/sign-in", &json!({ "token": token }))).await
}

fn cookie(signed: &Answered) -> String {
    signed.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_is_told() {
    let mut house = house();
    let ask = json!({ "prompt": "hi", "text": "hi" });
    let asks = [
        get("/api/models"),
        get("/api/tools"),
        get("/api/sessions"),
        get("/api/sessions/x/events"),
        get("/api/memory"),
        delete("/api/memory"),
        delete("/api/memory/1"),
        delete("/api/sessions/x"),
        get("/api/turns/x/events"),
        post("/api/turns/x/stop", &json!({})),
        post("/api/turns/x/approve", &json!({ "step": 1, "yes": true })),
        post("/api/turns", &json!({ "text": "hi" })),
        post("/invocations", &ask),
        with(get("/api/models"), "authorization", "Bearer nobody"),
        with(get("/api/models"), "authorization", "Basic YTpi"),
        with(get("/api/models"), "cookie", "toolgate-agent=guessed"),
    ];
    for request in asks {
        let path = request.uri().to_string();
        let answer = house.send(request).await;
        answer.refuses(401, "token");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{path}");
    }
    let who = house.send(get("/api/whoami")).await.json();
    assert_eq!(
        (&who["actor"], &who["about"], &who["examples"]),
        (&json!(null), &json!(null), &json!([]))
    );
    assert_eq!(who["open"], false);
}

#[tokio::test(start_paused = true)]
async fn a_good_token_gives_a_cookie_that_no_script_reads_and_that_ends() {
    let mut house = house();
    sign_in(&mut house, "nobody").await.refuses(401, "does not take this token");
    sign_in(&mut house, "").await.refuses(401, "token");
    house.send(post("/api/sign-in", &json!({}))).await.refuses(400, "token");
    let signed = sign_in(&mut house, " ann-token\n").await;
    assert_eq!(signed.json(), json!({ "actor": "ann" }));
    let set = signed.header("set-cookie");
    for part in ["Path=/", "HttpOnly", "SameSite=Strict"] {
        assert!(set.split("; ").any(|it| it == part), "{set}");
    }
    assert!(!set.contains("ann"), "{set}");
    let cookie = cookie(&signed);
    assert!(cookie.len() > 50, "{cookie}");
    assert_ne!(self::cookie(&sign_in(&mut house, "ann-token").await), cookie);
    let among = format!("theme=dark; {cookie}; x=y");
    let who = house.send(with(get("/api/whoami"), "cookie", &among)).await.json();
    assert_eq!((&who["actor"], &who["open"]), (&json!("ann"), &json!(false)));
    // The cookie ends with the token, though nobody signs out.
    let old = self::cookie(&sign_in(&mut house, "old-token").await);
    house.send(with(get("/api/models"), "cookie", &old)).await.refuses(401, "token");
    let out = house.send(with(post("/api/sign-out", &json!({})), "cookie", &cookie)).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    house.send(with(get("/api/models"), "cookie", &cookie)).await.refuses(401, "token");
}

#[tokio::test(start_paused = true)]
async fn behind_tls_the_cookie_goes_nowhere_else() {
    let mut house = house();
    let ask = post("/api/sign-in", &json!({ "token": "ann-token" }));
    let signed = house.send(with(ask, "origin", "https://127.0.0.1:8080")).await;
    assert!(signed.header("set-cookie").ends_with("; Secure"), "{:?}", signed.headers);
    let ask = post("/api/sign-in", &json!({ "token": "ann-token" }));
    let signed = house.send(with(ask, "origin", "http://127.0.0.1:8080")).await;
    assert!(!signed.header("set-cookie").contains("Secure"), "{:?}", signed.headers);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_shown_counts_more_than_a_cookie() {
    let mut house = house();
    let cookie = cookie(&sign_in(&mut house, "ann-token").await);
    let who = with(get("/api/whoami"), "cookie", &cookie);
    let who = house.send(with(who, "authorization", "Bearer bob-token")).await.json();
    assert_eq!(who["actor"], "bob");
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_its_actors_alone() {
    let mut house = house();
    let ask = post("/api/turns", &json!({ "text": "hi" }));
    let begun = house.send(with(ask, "authorization", "Bearer ann-token")).await;
    assert_eq!(begun.status, 202);
    let id = begun.json()["turn"].as_str().unwrap().to_owned();
    let (events, stop) = (format!("/api/turns/{id}/events"), format!("/api/turns/{id}/stop"));
    let approve = format!("/api/turns/{id}/approve");
    let yes = json!({ "step": 1, "yes": true });
    for request in [get(&events), post(&stop, &json!({})), post(&approve, &yes)] {
        let foreign = house.send(with(request, "authorization", "Bearer bob-token")).await;
        foreign.refuses(404, "no such turn");
    }
    let own = house.send(with(get(&events), "authorization", "Bearer ann-token")).await;
    assert_eq!(own.events().last().unwrap().1["reason"], "answered");
}
