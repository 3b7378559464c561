//! Who gets as far as a handler, and what every answer carries.

use http::StatusCode;
use serde_json::json;

use super::house::{House, delete, get, post, with};

fn house() -> House {
    House::scripted(&json!([{ "replies": [{ "text": "hello" }] }]))
}

#[tokio::test(start_paused = true)]
async fn it_is_called_by_its_own_names_alone() {
    let mut house = house();
    for name in
        ["evil.example.com", "evil.example.com:8080", "localhost.evil.com", "", "127.0.0.1.nip.io"]
    {
        let answer = house.send(with(get("/api/whoami"), "host", name)).await;
        answer.refuses(421, "not called by this name");
    }
    let nameless = http::Request::get("/").body(axum::body::Body::empty()).unwrap();
    house.send(nameless).await.refuses(421, "not called by this name");
    for name in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:9", "127.0.0.1"] {
        let answer = house.send(with(get("/api/whoami"), "host", name)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_nobodys_name_and_names_can_be_said() {
    use tower::ServiceExt as _;
    let mut house = house();
    house.options.hosts = vec!["Agent.Example.com".to_owned()];
    let (router, _) = house.at("0.0.0.0:8080");
    let cases = [
        ("10.1.2.3:8080", 200),
        ("[fd00::7]:8080", 200),
        ("localhost:8080", 200),
        ("agent.example.com", 200),
        ("agent.example.com:443", 200),
        ("other.example.com", 421),
        ("10.1.2.3.example.com", 421),
    ];
    for (name, status) in cases {
        let asked = router.clone().oneshot(with(get("/ping"), "host", name)).await.unwrap();
        assert_eq!(asked.status(), status, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_origin_may_not_call() {
    let mut house = house();
    house.options.origins = vec!["https://app.example.com".to_owned()];
    let ask = || post("/invocations", &json!({ "prompt": "hi" }));
    for origin in [
        "https://evil.example.com",
        "null",
        "http://127.0.0.1:9999",
        "http://localhost",
        "http://127.0.0.1:8080.evil.com",
    ] {
        house.send(with(ask(), "origin", origin)).await.refuses(403, "another origin");
        house.send(with(get("/ws"), "origin", origin)).await.refuses(403, "another origin");
        house.send(with(delete("/api/memory"), "origin", origin)).await.refuses(403, "origin");
    }
    for origin in ["http://127.0.0.1:8080", "http://localhost:8080", "https://app.example.com"] {
        assert_eq!(house.send(with(ask(), "origin", origin)).await.status, 200, "{origin}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_elsewhere_that_may_call_can_read_what_it_is_told() {
    const PAGE: &str = "https://app.example.com";
    let mut house = house().closed();
    house.options.origins = vec![PAGE.to_owned()];
    let preflight = |origin: &str| {
        let mut ask = with(get("/invocations"), "origin", origin);
        *ask.method_mut() = http::Method::OPTIONS;
        with(ask, "access-control-request-method", "POST")
    };
    let allowed = house.send(preflight(PAGE)).await;
    assert_eq!((allowed.status.as_u16(), allowed.body.as_str()), (204, ""));
    assert_eq!(allowed.header("access-control-allow-origin"), PAGE);
    assert_eq!(allowed.header("vary"), "origin");
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    for name in ["authorization", "content-type", "last-event-id", super::house::SESSION] {
        let names = allowed.header("access-control-allow-headers");
        assert!(names.split(", ").any(|it| it == name), "{name}: {names}");
    }
    let refused = house.send(with(get("/api/models"), "origin", PAGE)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("access-control-allow-origin")),
        (401, PAGE)
    );
    let ask = with(get("/api/models"), "authorization", "Bearer ann-token");
    let told = house.send(with(ask, "origin", PAGE)).await;
    assert_eq!((told.status.as_u16(), told.header("access-control-allow-origin")), (200, PAGE));
    assert!(told.header("access-control-expose-headers").contains("x-request-id"));
    let evil = house.send(preflight("https://evil.example.com")).await;
    evil.refuses(403, "another origin");
    assert_eq!(evil.header("access-control-allow-origin"), "");
    let own = house.send(preflight("http://127.0.0.1:8080")).await;
    assert_eq!((own.status.as_u16(), own.header("access-control-allow-origin")), (405, ""));
}

#[tokio::test(start_paused = true)]
async fn what_a_form_can_send_is_not_taken() {
    let mut house = house();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        // The last two read no body: nothing but the door stands before them.
        for path in ["/invocations", "/api/turns/x/stop", "/api/sign-out"] {
            let form = with(post(path, &json!({ "prompt": "hi" })), "content-type", kind);
            house.send(form).await.refuses(415, "application/json");
        }
    }
    let fine = post("/invocations", &json!({ "prompt": "hi" }));
    let fine = house.send(with(fine, "content-type", "Application/JSON; charset=utf-8")).await;
    assert_eq!(fine.status, StatusCode::OK, "{}", fine.body);
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_guarded_and_can_be_found_again() {
    let mut house = house();
    let refused = with(get("/"), "host", "evil.example.com");
    for request in [get("/"), get("/ping"), get("/api/models"), get("/nothing"), refused] {
        let answer = house.send(request).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("x-request-id").len(), 36, "{:?}", answer.headers);
    }
    let named = house.send(with(get("/nothing"), "x-request-id", "mine-1")).await;
    assert_eq!(named.header("x-request-id"), "mine-1");
    let odd = house.send(with(get("/nothing"), "x-request-id", "<b>mine</b>")).await;
    assert_eq!(odd.header("x-request-id").len(), 36);
    assert_eq!(house.send(get("/api/models")).await.header("cache-control"), "no-store");
}

#[tokio::test(start_paused = true)]
async fn the_page_lets_nothing_run_but_its_own_files() {
    let mut house = house();
    let page = house.send(get("/")).await;
    let policy = page.header("content-security-policy").to_owned();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ] {
        assert!(policy.split("; ").any(|part| part == rule), "{rule}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.body.contains("style=") && !page.body.contains("onclick"), "{}", page.body);
    let named = page.body.split('"').filter_map(|part| part.strip_prefix("/assets/"));
    let mut named: Vec<_> = named.map(str::to_owned).collect();
    named.extend(
        ["dom.js", "markdown.js", "panel.js", "server.js", "step.js", "turn.js", "view.js"]
            .map(str::to_owned),
    );
    assert!(named.len() >= 10, "{named:?}");
    for name in named {
        let path = format!("/assets/{name}");
        let file = house.send(get(&path)).await;
        assert_eq!(file.status, 200, "{name}");
        let kind = if name.ends_with(".css") { "text/css" } else { "text/javascript" };
        assert!(file.header("content-type").starts_with(kind), "{name}");
        assert_eq!(file.header("cache-control"), "no-cache");
        let again = with(get(&path), "if-none-match", file.header("etag"));
        let again = house.send(again).await;
        assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""));
    }
    house.send(get("/assets/..%2fhttp.rs")).await.refuses(404, "no such file");
}
