//! Three engines, each on pages as it writes them, and each when it is sick.

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Config, Engine, toolset};
use crate::schema::only_known_words;
use crate::testing::{Asked, Fixture, Say, call, code, message, no_sickness_is_a_success};
use crate::toolset::Toolset;

const PAGE: &str = r#"<!doctype html><html><body><div class="serp__results">
<div class="result results_links result--ad"><h2 class="result__title">
  <a class="result__a" href="https://duckduckgo.com/y.js?ad_domain=x">An advertisement</a></h2></div>
<div class="result results_links web-result"><h2 class="result__title">
  <a rel="nofollow" class="result__a"
   href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1%26c%3D%C3%A9&amp;rut=00">The
   <b>first</b> &amp; best</a></h2>
  <a class="result__snippet" href="x">It   is <b>here</b>.<script>alert(1)</script></a></div>
<div class="result results_links web-result"><h2>
  <a class="result__a" href="https://example.org/plain">Second</a></h2>
  <div class="result__snippet">With <div>inner</div> parts</div></div>
<div class="result"><a class="result__a" href="javascript:alert(1)">No page</a></div>
<div class="result"><a class="result__a" href="https://example.net/">Third</a></div>
</div></body></html>"#;

fn tools(engine: Engine, url: &str) -> Toolset {
    let key = (HeaderName::from_static("x-subscription-token"), HeaderValue::from_static("K"));
    let credentials = (engine == Engine::Brave).then_some(key);
    toolset(Config { engine, url: Some(url.to_owned()), credentials }).unwrap()
}

fn searxng() -> Value {
    json!({ "query": "q", "results": [
        { "url": "https://a.example/", "title": "A", "content": "one", "engine": "x",
          "publishedDate": "2026-01-02T00:00:00" },
        { "url": "https://b.example/", "title": "B", "content": null },
        { "url": null, "title": "an image" },
    ], "unresponsive_engines": [["brave", "timeout"]] })
}

fn brave() -> Value {
    let found = |number: usize| {
        json!({ "url": format!("https://x.example/{number}"), "title": format!("T{number}"),
                "description": "a <strong>b</strong> &lt;c&gt;", "age": "3 days ago" })
    };
    json!({ "type": "search", "web": { "results": (1..=11).map(found).collect::<Vec<_>>() } })
}

async fn asked(engine: Engine, say: Say, arguments: Value) -> (Value, Asked) {
    let fixture = Fixture::saying(say).await;
    let reply = call(&tools(engine, &fixture.url), "web_search", arguments).await;
    assert!(!reply.is_error(), "{}", reply.text());
    (reply.structured().clone(), fixture.asked().remove(0))
}

#[tokio::test]
async fn duckduckgo_is_asked_by_form_and_read_without_advertisements() {
    let arguments = json!({ "keywords": "a + b é", "max_results": 2, "region": "de-de",
                            "time_range": "month", "safe_search": "strict" });
    let (found, asked) = asked(Engine::DuckDuckGo, Say::html(PAGE), arguments).await;
    assert_eq!(
        found["results"],
        json!([
            { "rank": 1, "title": "The first & best", "url": "https://example.com/a?b=1&c=é",
              "snippet": "It is here." },
            { "rank": 2, "title": "Second", "url": "https://example.org/plain",
              "snippet": "With inner parts" },
        ])
    );
    assert_eq!((&found["count"], &found["truncated"]), (&json!(2), &json!(true)));
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/"));
    for (name, value) in [("q", "a + b é"), ("kl", "de-de"), ("df", "m"), ("kp", "1")] {
        assert_eq!(asked.field(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn searxng_is_asked_for_json() {
    let arguments = json!({ "query": "q", "region": "uk-en", "time_range": "day" });
    let (found, asked) = asked(Engine::SearXng, Say::json(&searxng()), arguments).await;
    assert_eq!(found["count"], 2);
    assert_eq!(found["results"][0]["published"], "2026-01-02T00:00:00");
    assert_eq!(found["truncated"], false);
    assert_eq!(asked.path, "/search");
    let fields = [("q", "q"), ("format", "json"), ("language", "en-GB"), ("time_range", "day")];
    for (name, value) in fields {
        assert_eq!(asked.field(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn brave_is_shown_its_key() {
    let arguments = json!({ "query": "q", "max_results": 10, "region": "us-en" });
    let (found, asked) = asked(Engine::Brave, Say::json(&brave()), arguments).await;
    assert_eq!((&found["count"], &found["truncated"]), (&json!(10), &json!(true)));
    assert_eq!(found["results"][0]["snippet"], "a b <c>");
    assert_eq!(asked.headers["x-subscription-token"], "K");
    assert_eq!(asked.field("country").as_deref(), Some("US"));
}

#[tokio::test]
async fn nothing_found_is_a_result_only_when_the_engine_says_so() {
    let none = "<div class='no-results'>No results.</div>";
    let (found, _) = asked(Engine::DuckDuckGo, Say::html(none), json!({ "query": "q" })).await;
    assert_eq!(found["count"], 0);
    let empty = json!({ "type": "search" });
    let (found, _) = asked(Engine::Brave, Say::json(&empty), json!({ "query": "q" })).await;
    assert_eq!(found["count"], 0);
    for (engine, say, wanted) in [
        (Engine::DuckDuckGo, Say::html("<html><body>New design!</body></html>"), "garbled"),
        (Engine::DuckDuckGo, Say::html("<form id='challenge-form'></form>"), "blocked"),
        (Engine::DuckDuckGo, Say::html("<div class='anomaly-modal__mask'></div>"), "blocked"),
        (Engine::DuckDuckGo, Say::This(202, vec![], PAGE.into()), "blocked"),
        (
            Engine::SearXng,
            Say::json(&json!({ "results": [], "unresponsive_engines": [["a", "CAPTCHA"]] })),
            "upstream_error",
        ),
    ] {
        let fixture = Fixture::saying(say).await;
        let reply = call(&tools(engine, &fixture.url), "web_search", json!({ "query": "q" })).await;
        assert_eq!(code(&reply), wanted, "{engine:?}: {}", reply.text());
    }
}

#[tokio::test]
async fn bad_arguments_are_refused_before_anybody_is_asked() {
    let fixture = Fixture::saying(Say::html(PAGE)).await;
    let tools = tools(Engine::DuckDuckGo, &fixture.url);
    for (wrong, told) in [
        (json!({}), "`query` is missing"),
        (json!({ "query": "  " }), "`query` is empty"),
        (json!({ "query": "x".repeat(401) }), "1 to 400 characters"),
        (json!({ "query": "q", "max_results": 0 }), "from 1 to 10"),
        (json!({ "query": "q", "max_results": -3 }), "from 1 to 10"),
        (json!({ "query": "q", "max_results": "5" }), "leave the quotes off"),
        (json!({ "query": "q", "region": "english" }), "`region`"),
        (json!({ "query": "q", "region": "US_en" }), "such as `us-en`"),
        (json!({ "query": "q", "time_range": "decade" }), "\"day\""),
        (json!({ "query": "q", "safe_search": true }), "\"moderate\""),
        (json!({ "query": "q", "page": 2 }), "no argument `page`"),
    ] {
        let reply = call(&tools, "web_search", wrong.clone()).await;
        let said = message(&reply, "invalid_arguments");
        assert!(said.contains(told), "{wrong}: {said}");
    }
    assert!(fixture.asked().is_empty());
}

#[tokio::test]
async fn no_sick_engine_gives_a_result() {
    for engine in [Engine::DuckDuckGo, Engine::SearXng, Engine::Brave] {
        let calls = [("web_search", json!({ "query": "q" }))];
        no_sickness_is_a_success(|url| tools(engine, url), &calls).await;
    }
}

#[tokio::test]
async fn an_engine_is_not_asked_faster_than_it_bears() {
    let fixture = Fixture::saying(Say::html(PAGE)).await;
    let tools = tools(Engine::DuckDuckGo, &fixture.url);
    let mut codes = Vec::new();
    for _ in 0..7 {
        let reply = call(&tools, "web_search", json!({ "query": "q" })).await;
        codes.push(reply.is_error().then(|| code(&reply)));
    }
    assert_eq!(codes[4], None);
    assert_eq!(codes[6].as_deref(), Some("rate_limited"), "{codes:?}");
    assert!(fixture.asked().len() <= 6);
}

#[test]
fn what_cannot_work_is_not_set_up() {
    let config = |engine, url: Option<&str>| Config {
        engine,
        url: url.map(str::to_owned),
        credentials: None,
    };
    toolset(config(Engine::Brave, None)).expect_err("no key");
    toolset(config(Engine::SearXng, None)).expect_err("no URL");
    toolset(config(Engine::SearXng, Some("searx.example"))).expect_err("no scheme");
    let tools = toolset(config(Engine::DuckDuckGo, None)).unwrap();
    only_known_words(&tools);
}
