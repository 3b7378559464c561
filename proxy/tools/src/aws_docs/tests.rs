//! Each tool on pages and lists as AWS writes them, on wrong arguments, and on a sick documentation.

use serde_json::{Value, json};

use super::{Config, toolset};
use crate::schema::only_known_words;
use crate::testing::{Asked, Fixture, Say, call, code, message, no_sickness_is_a_success};
use crate::toolset::Toolset;

/// A page in the shape of AWS's.
const PAGE: &str = "<!DOCTYPE html><html><head><title>Made up - Guide</title></head><body>\
    <div id=\"page-header\">Skip</div><div id=\"main\"><div id=\"main-content\"><div \
    id=\"awsdocs-content\"><div id=\"main-column\"><div class=\"awsdocs-page-utilities\">PDF</div>\
    <div id=\"main-col-body\"><h1 class=\"topictitle\">Made up</h1><p>First <a \
    href=\"./other.html\">link</a> é.</p><div class=\"prev-next\">Next</div></div></div></div></div>\
    </div></body></html>";
const URL: &str = "https://docs.aws.amazon.com/made/up/page.html";

fn tools(url: &str) -> Toolset {
    toolset(Config { url: Some(url.to_owned()), hosts: vec!["docs.example".into()] }).unwrap()
}

fn suggestion(number: usize, more: &Value) -> Value {
    let mut one = json!({ "link": format!("{URL}?{number}"), "title": format!("T{number}") });
    for (key, value) in more.as_object().unwrap() {
        one[key] = value.clone();
    }
    json!({ "textExcerptSuggestion": one })
}

/// Answers as the documentation would.
fn docs(asked: &Asked) -> Say {
    let sent_to = |place: &str| Say::This(301, vec![("location", place.into())], String::new());
    match asked.path.as_str() {
        "/search" => Say::json(&json!({ "queryId": "q", "suggestions": [
            suggestion(1, &json!({ "suggestionBody": "body", "summary": "a <b>sum</b>" })),
            { "other": {} },
            suggestion(2, &json!({ "summary": "", "metadata": { "seo_abstract": "seo" } })),
            suggestion(3, &json!({ "link": "javascript:alert(1)" })),
            suggestion(4, &json!({ "title": "" })),
        ] })),
        "/v1/recommendations" => Say::json(&json!({
            "highlyRated": { "items": [{ "url": URL, "assetTitle": "A", "abstract": "About a" }] },
            "journey": { "items": [{ "intent": "Do it", "urls": [
                { "url": format!("{URL}?2"), "assetTitle": "B" }, { "url": URL, "assetTitle": "A" },
            ] }] },
            "new": { "items": [{ "url": format!("{URL}?3"), "dateCreated": "2026-01-02" }] },
            "similar": {},
        })),
        "/docs.aws.amazon.com/made/up/page.html" => Say::html(PAGE),
        "/docs.aws.amazon.com/moved.html" => sent_to("/made/up/page.html"),
        "/docs.aws.amazon.com/round.html" => sent_to("round.html"),
        "/docs.aws.amazon.com/away.html" => sent_to("https://evil.example/made/up/page.html"),
        "/docs.aws.amazon.com/made/up/" => Say::html(
            "<meta http-equiv=\"refresh\" content=\"10;URL=page.html\"><body>One moment</body>",
        ),
        "/docs.aws.amazon.com/empty.html" => Say::html("<html><body><nav>Menu</nav></body>"),
        "/docs.example/notes.md" => {
            Say::This(200, vec![("content-type", "text/markdown".into())], "# Notes\n".into())
        }
        path => Say::This(404, vec![], format!("no {path}")),
    }
}

async fn told(tool: &str, arguments: Value) -> (Value, Vec<Asked>) {
    let fixture = Fixture::start(docs).await;
    let reply = call(&tools(&fixture.url), tool, arguments).await;
    assert!(!reply.is_error(), "{}", reply.text());
    (reply.structured().clone(), fixture.asked())
}

#[tokio::test]
async fn pages_are_found_with_their_best_extract_a_part_at_a_time() {
    let (found, asked) = told("search", json!({ "search_phrase": " a b ", "limit": 2 })).await;
    assert_eq!(
        found["results"],
        json!([
            { "rank": 1, "title": "T1", "url": format!("{URL}?1"), "extract": "a sum" },
            { "rank": 2, "title": "T2", "url": format!("{URL}?2"), "extract": "seo" },
        ])
    );
    assert_eq!((&found["total"], &found["next_offset"]), (&json!(3), &json!(2)));
    let question: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(question["textQuery"]["input"], "a b");
    assert_eq!(question["contextAttributes"][0]["value"], "docs.aws.amazon.com");
    let (found, _) = told("search", json!({ "query": "a", "offset": 2 })).await;
    assert_eq!(found["results"][0]["title"], format!("{URL}?4"));
    assert_eq!((&found["truncated"], &found["results"][0]["rank"]), (&json!(false), &json!(3)));
}

#[tokio::test]
async fn a_page_is_read_in_pieces() {
    let whole = "# Made up\n\nFirst [link](https://docs.aws.amazon.com/made/up/other.html) é.";
    let (read, _) = told("read", json!({ "url": URL })).await;
    assert_eq!((&read["content"], &read["title"]), (&json!(whole), &json!("Made up - Guide")));
    assert_eq!((&read["truncated"], &read["url"]), (&json!(false), &json!(URL)));
    let long = format!("<body><p>{}</p></body>", "é".repeat(250));
    let fixture = Fixture::saying(Say::html(&long)).await;
    let (mut start, mut pieces) = (json!(0), Vec::new());
    while start.is_number() {
        let ask = json!({ "url": URL, "max_length": 100, "start_index": start });
        let reply = call(&tools(&fixture.url), "read", ask).await;
        let piece = reply.structured()["content"].as_str().unwrap().to_owned();
        pieces.push(piece);
        start = reply.structured()["next"].clone();
    }
    assert_eq!((pieces.len(), pieces.concat()), (3, "é".repeat(250)));
}

#[tokio::test]
async fn a_page_that_has_moved_is_found_and_none_of_another_host() {
    for url in ["moved.html", "made/up/"] {
        let url = format!("https://docs.aws.amazon.com/{url}");
        let (read, asked) = told("read", json!({ "url": url })).await;
        assert_eq!((&read["url"], asked.len()), (&json!(URL), 2));
    }
    let (read, _) = told("read", json!({ "url": "https://docs.example/notes.md" })).await;
    assert_eq!(read["content"], "# Notes");
    let fixture = Fixture::start(docs).await;
    let tools = tools(&fixture.url);
    for (path, wanted, told) in [
        ("away.html", "refused", "evil.example"),
        ("round.html", "garbled", "too many redirects"),
        ("empty.html", "garbled", "without any text"),
        ("nothing.html", "not_found", "does not have that"),
    ] {
        let url = format!("https://docs.aws.amazon.com/{path}");
        let reply = call(&tools, "read", json!({ "url": url })).await;
        let said = message(&reply, wanted);
        assert!(said.contains(told), "{path}: {said}");
    }
    assert!(fixture.asked().iter().all(|asked| asked.path.starts_with("/docs.aws.amazon.com/")));
}

#[tokio::test]
async fn pages_are_recommended_once_each_with_a_reason() {
    let (found, asked) = told("recommend", json!({ "url": URL, "limit": 2 })).await;
    assert_eq!(asked[0].field("path").as_deref(), Some(URL));
    assert_eq!(
        found["results"],
        json!([
            { "title": "A", "url": URL, "why": "highly_rated", "extract": "About a" },
            { "title": "B", "url": format!("{URL}?2"), "why": "read_next", "extract": "Do it" },
        ])
    );
    assert_eq!((&found["total"], &found["next_offset"]), (&json!(3), &json!(2)));
    let (found, _) = told("recommend", json!({ "url": URL, "offset": 2 })).await;
    assert_eq!(found["results"][0]["why"], "new");
    assert_eq!(found["truncated"], false);
}

#[tokio::test]
async fn nothing_found_is_a_result_only_when_it_is_said() {
    let empty = [
        ("search", json!({ "query": "q" }), json!({ "suggestions": [] })),
        ("recommend", json!({ "url": URL }), json!({ "similar": { "items": [] } })),
    ];
    for (tool, arguments, says) in empty {
        let fixture = Fixture::saying(Say::json(&says)).await;
        let reply = call(&tools(&fixture.url), tool, arguments).await;
        assert!(!reply.is_error() && reply.structured()["total"] == 0, "{}", reply.text());
    }
}

#[tokio::test]
async fn a_captcha_is_no_page() {
    for (status, action) in [(202, "challenge"), (405, "captcha")] {
        let headers =
            vec![("x-amzn-waf-action", action.into()), ("content-type", "text/html".into())];
        let fixture = Fixture::saying(Say::This(status, headers, PAGE.into())).await;
        for (tool, arguments) in calls() {
            let reply = call(&tools(&fixture.url), tool, arguments).await;
            assert_eq!(code(&reply), "blocked", "{tool}");
        }
    }
}

#[tokio::test]
async fn bad_arguments_are_refused_before_anybody_is_asked() {
    let fixture = Fixture::start(docs).await;
    let tools = tools(&fixture.url);
    let page = |url: &str| json!({ "url": url });
    for (tool, wrong, told) in [
        ("search", json!({}), "`query` is missing"),
        ("search", json!({ "query": " " }), "`query` is empty"),
        ("search", json!({ "query": "q", "limit": 51 }), "from 1 to 50"),
        ("search", json!({ "query": "q", "region": "x" }), "no argument `region`"),
        ("read", json!({}), "`url` is missing"),
        ("read", page("https://docs.aws.amazon.com.evil.example/a"), "`url` is of a host"),
        ("read", page("https://docs.aws.amazon.com.evil.example/a"), "or https://docs.example/"),
        ("read", page("http://docs.aws.amazon.com/a"), "must begin with https://"),
        ("read", page("not a url"), "`url` is not a URL"),
        ("read", json!({ "url": URL, "length": 10 }), "from 100 to 50000"),
        ("read", json!({ "url": URL, "start": -1 }), "`start`"),
        ("recommend", page("https://example.com/"), "`url` is of a host"),
        ("recommend", json!({ "url": URL, "limit": 0 }), "from 1 to 100"),
    ] {
        let reply = call(&tools, tool, wrong.clone()).await;
        let said = message(&reply, "invalid_arguments");
        assert!(said.contains(told), "{tool} {wrong}: {said}");
    }
    assert!(fixture.asked().is_empty());
    let reply = call(&tools, "read", json!({ "url": URL, "start": 5000 })).await;
    assert!(message(&reply, "invalid_arguments").contains("behind the end"));
}

fn calls() -> [(&'static str, Value); 3] {
    [
        ("search", json!({ "query": "q" })),
        ("read", json!({ "url": URL })),
        ("recommend", json!({ "url": URL })),
    ]
}

#[tokio::test]
async fn no_sick_documentation_gives_a_result() {
    no_sickness_is_a_success(tools, &calls()).await;
}

#[tokio::test]
async fn the_documentation_is_not_asked_faster_than_it_bears() {
    let fixture = Fixture::start(docs).await;
    let tools = tools(&fixture.url);
    let mut codes = Vec::new();
    for _ in 0..14 {
        let reply = call(&tools, "search", json!({ "query": "q" })).await;
        codes.push(reply.is_error().then(|| code(&reply)));
    }
    assert_eq!(codes[9], None);
    assert_eq!(codes[13].as_deref(), Some("rate_limited"), "{codes:?}");
}

#[test]
fn what_cannot_work_is_not_set_up() {
    for (url, host) in [(Some("docs.example"), "a.example"), (None, "a.example/b"), (None, "")] {
        let url = url.map(str::to_owned);
        toolset(Config { url, hosts: vec![host.into()] }).expect_err(host);
    }
    only_known_words(&toolset(Config::default()).unwrap());
}
