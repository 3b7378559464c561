//! What is kept: sessions and their titles, timelines, what is known.

use std::sync::Arc;

use http::Request;
use serde_json::{Value, json};
use toolgate_agent_memory::{
    Actor, Asking, Config, Event, Forget, Health, Local, Memory, Namespace, Page, Question, Record,
    Session, SessionSummary, Timeline, Turn,
};

use super::house::{House, delete, get, patch, post, with};

fn local() -> Arc<Local> {
    Arc::new(Local::open(Config { path: None, ..Config::default() }).unwrap())
}

/// An agent with that memory, which `ann` and `bob` may ask.
fn house(memory: &Arc<Local>) -> House {
    let script = json!([
        { "match": "shop", "replies": [
            { "text": "Let me see.", "tools": [{ "name": "clock___now", "input": { "zone": "secret-zone" } }] },
            { "text": "two" }
        ] },
        { "replies": [{ "text": "hello" }] }
    ]);
    House::remembering(&script, Arc::clone(memory) as Arc<dyn Memory>).closed()
}

fn ann(request: Request<axum::body::Body>) -> Request<axum::body::Body> {
    with(request, "authorization", "Bearer ann-token")
}

fn bob(request: Request<axum::body::Body>) -> Request<axum::body::Body> {
    with(request, "authorization", "Bearer bob-token")
}

/// Asks as ann, in that session.
async fn ask(house: &mut House, session: &str, text: &str) {
    let ask = json!({ "prompt": text, "sessionId": session });
    assert_eq!(house.send(ann(post("/invocations", &ask))).await.status, 200);
    house.drained().await;
}

/// A memory that keeps what was said and nothing beside it, as `AgentCore` does; it knows two things
/// of each kind, on a page each.
#[derive(Debug)]
struct Plain(Arc<Local>);

impl Memory for Plain {
    fn backend(&self) -> &'static str {
        "agentcore"
    }

    fn recall<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a, Vec<Record>> {
        self.0.recall(question)
    }

    fn remember<'a>(&'a self, turn: &'a Turn) -> Asking<'a, ()> {
        self.0.remember(turn)
    }

    fn events<'a>(
        &'a self,
        actor: &'a Actor,
        session: &'a Session,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<Event>> {
        self.0.events(actor, session, from)
    }

    fn sessions<'a>(
        &'a self,
        actor: &'a Actor,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<SessionSummary>> {
        self.0.sessions(actor, from)
    }

    fn records<'a>(
        &'a self,
        _: &'a Actor,
        namespace: Namespace,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<Record>> {
        let nth = from.unwrap_or("0");
        let record = Record {
            id: format!("{}-{nth}", namespace.as_str()),
            namespace,
            content: String::new(),
            at: std::time::SystemTime::now(),
            session: None,
            score: 0.0,
        };
        let next = (nth == "0").then(|| "1".to_owned());
        Box::pin(async { Ok(Page { entries: vec![record], next }) })
    }

    fn forget<'a>(&'a self, actor: &'a Actor, what: &'a Forget) -> Asking<'a, u64> {
        self.0.forget(actor, what)
    }

    fn health(&self) -> Health {
        self.0.health()
    }
}

#[tokio::test]
async fn a_memory_that_keeps_no_more_says_so() {
    let script = json!([{ "replies": [{ "text": "hello" }] }]);
    let mut house = House::remembering(&script, Arc::new(Plain(local()))).closed();
    ask(&mut house, "s1", "Why are answers slow?").await;
    assert_eq!(house.send(ann(get("/api/whoami"))).await.json()["archive"], false);
    let told = house.send(ann(get("/api/sessions/s1/events"))).await.json();
    assert_eq!(told["events"][1]["text"], "hello");
    assert_eq!(told["events"][1]["timeline"], json!(null));
    let title = json!({ "title": "Slow" });
    house.send(ann(patch("/api/sessions/s1", &title))).await.refuses(501, "(agentcore) keeps no");
    house.send(ann(get("/api/sessions?find=slow"))).await.refuses(501, "memory/backend");
}

async fn titles(house: &mut House, path: &str) -> Vec<String> {
    let listed = house.send(ann(get(path))).await.json();
    let each = listed["sessions"].as_array().unwrap_or_else(|| panic!("{listed}")).iter();
    each.map(|it| it["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_answer_of_before_says_where_its_time_went() {
    let memory = local();
    let mut house = house(&memory);
    ask(&mut house, "s1", "how is the shop?").await;
    let told = house.send(ann(get("/api/sessions/s1/events"))).await.json();
    assert_eq!(told["events"][0]["timeline"], json!(null), "a question has none: {told}");
    let timeline = told["events"][1]["timeline"].as_array().unwrap_or_else(|| panic!("{told}"));
    let types: Vec<_> = timeline.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!((types[0], *types.last().unwrap()), ("turn.start", "turn.end"));
    let names: Vec<_> = timeline.iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["recall", "id-of-one", "clock___now", "id-of-one"], "{told}");
    assert_eq!(types.iter().filter(|it| **it == "step.end").count(), 4);
    let end = timeline.last().unwrap();
    assert!(end["times"]["total_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{end}");
    assert_eq!(timeline[0]["trace"], "1".repeat(32));
    let text = told["events"][1]["timeline"].to_string();
    assert!(!text.contains("secret-zone") && !text.contains("fine"), "no word of a tool: {text}");
    // The same name of another actor's is another session.
    assert_eq!(house.send(bob(get("/api/sessions/s1/events"))).await.json()["events"], json!([]));
}

#[tokio::test]
async fn an_answer_without_a_timeline_is_shown_without() {
    let memory = local();
    let mut house = house(&memory);
    let turn = |id: &str| Turn {
        id: id.to_owned(),
        actor: Actor::new("ann").unwrap(),
        session: Session::new("s1").unwrap(),
        asked: "hi".to_owned(),
        answered: "hello".to_owned(),
        tools: Vec::new(),
        took: std::time::Duration::from_secs(1),
        model: "one".to_owned(),
        at: std::time::SystemTime::now(),
    };
    memory.remember(&turn("old")).await.unwrap();
    memory.remember(&turn("odd")).await.unwrap();
    let odd = Timeline {
        turn: "odd".to_owned(),
        session: Session::new("s1").unwrap(),
        at: std::time::SystemTime::now(),
        told: "no JSON".to_owned(),
    };
    let archive = memory.archive().unwrap();
    archive.keep_timeline(&Actor::new("ann").unwrap(), &odd).await.unwrap();
    let told = house.send(ann(get("/api/sessions/s1/events"))).await.json();
    let events = told["events"].as_array().unwrap();
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event["timeline"].is_null()), "{told}");
}

#[tokio::test]
async fn a_session_is_renamed_by_its_actor_alone() {
    let memory = local();
    let mut house = house(&memory);
    ask(&mut house, "s1", "Why are answers slow?").await;
    let path = "/api/sessions/s1";
    for foreign in ["/api/sessions/s2", "/api/sessions/..%2Fs1", "/api/sessions/%25"] {
        let title = json!({ "title": "Mine" });
        house.send(ann(patch(foreign, &title))).await.refuses(404, "no such session");
    }
    house.send(bob(patch(path, &json!({ "title": "Bob's" })))).await.refuses(404, "no such");
    house.send(patch(path, &json!({ "title": "Nobody's" }))).await.refuses(401, "token");
    assert_eq!(titles(&mut house, "/api/sessions").await, ["Why are answers slow?"]);
    let renamed = house.send(ann(patch(path, &json!({ "title": " Slow <b>answers</b> " })))).await;
    assert_eq!((renamed.status.as_u16(), renamed.body.as_str()), (204, ""));
    assert_eq!(titles(&mut house, "/api/sessions").await, ["Slow <b>answers</b>"]);
    for (body, says) in [
        (json!({ "title": "" }), "empty"),
        (json!({ "title": "a\nb" }), "control"),
        (json!({ "title": "x".repeat(81) }), "80 characters"),
        (json!({ "title": "x", "actor": "bob" }), "unknown field"),
    ] {
        house.send(ann(patch(path, &body))).await.refuses(400, says);
    }
    let long = format!("/api/sessions/{}", "s".repeat(257));
    house.send(ann(patch(&long, &json!({ "title": "x" })))).await.refuses(400, "256");
    let form = with(patch(path, &json!({ "title": "x" })), "content-type", "text/plain");
    house.send(ann(form)).await.refuses(415, "JSON");
    assert_eq!(titles(&mut house, "/api/sessions").await, ["Slow <b>answers</b>"]);
    assert_eq!(house.send(ann(patch(path, &json!({ "title": null })))).await.status, 204);
    assert_eq!(titles(&mut house, "/api/sessions").await, ["Why are answers slow?"]);
}

#[tokio::test]
async fn sessions_are_found_among_ones_own() {
    let memory = local();
    let mut house = house(&memory);
    ask(&mut house, "s1", "Why are answers slow?").await;
    ask(&mut house, "s2", "Pods of the shop").await;
    house.send(ann(patch("/api/sessions/s2", &json!({ "title": "Rollout 12" })))).await;
    let mut found =
        async |words: &str| titles(&mut house, &format!("/api/sessions?find={words}")).await;
    assert_eq!(found("SLOW").await, ["Why are answers slow?"]);
    assert_eq!(found("rollout").await, ["Rollout 12"]);
    assert_eq!(found("pods%20shop").await, ["Rollout 12"], "what was said counts");
    assert_eq!(found("%25").await, [""; 0], "no pattern");
    assert_eq!(found("%20").await.len(), 2, "nothing is looked for");
    let foreign = house.send(bob(get("/api/sessions?find=slow"))).await.json();
    assert_eq!(foreign["sessions"], json!([]));
    let many = "/api/sessions?find=a+b+c+d+e+f+g+h+i";
    house.send(ann(get(many))).await.refuses(400, "8 words");
    house.send(get("/api/sessions?find=slow")).await.refuses(401, "token");
}

#[tokio::test]
async fn no_kind_of_what_is_known_is_left_out_at_the_end_of_a_page() {
    let script = json!([{ "replies": [{ "text": "hello" }] }]);
    let mut house = House::remembering(&script, Arc::new(Plain(local()))).closed();
    let pages: [(&str, &[&str], Option<&str>); 3] = [
        ("", &["preferences-0"], Some("preferences.1")),
        ("?from=preferences.1", &["preferences-1", "semantic-0"], Some("semantic.1")),
        ("?from=semantic.1", &["semantic-1"], None),
    ];
    for (query, ids, next) in pages {
        let page = house.send(ann(get(&format!("/api/memory{query}")))).await.json();
        let found: Vec<_> = page["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap())
            .collect();
        assert_eq!((found.as_slice(), page["next"].as_str()), (ids, next), "{query}");
    }
}

#[tokio::test]
async fn what_is_known_is_served_page_by_page() {
    let memory = local();
    let mut house = house(&memory);
    for n in 0..120 {
        let turn = Turn {
            id: format!("t{n}"),
            actor: Actor::new("ann").unwrap(),
            session: Session::new("s1").unwrap(),
            asked: format!("The box {n} is in rack {n}."),
            answered: "Noted.".to_owned(),
            tools: Vec::new(),
            took: std::time::Duration::ZERO,
            model: "one".to_owned(),
            at: std::time::SystemTime::now(),
        };
        memory.remember(&turn).await.unwrap();
    }
    let likes = "I prefer short answers";
    ask(&mut house, "s2", likes).await;
    memory.settled().await;
    let (mut all, mut pages, mut path) = (Vec::new(), 0, "/api/memory".to_owned());
    loop {
        let page = house.send(ann(get(&path))).await.json();
        let entries: Vec<Value> = page["records"].as_array().unwrap().clone();
        assert!(entries.len() <= 51, "{}", entries.len());
        all.extend(entries);
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        assert!(pages < 9, "it never ends");
        path = format!("/api/memory?from={next}");
        assert_eq!(house.send(bob(get(&path))).await.json()["records"], json!([]), "another's");
    }
    assert_eq!((all.len(), pages), (121, 3));
    assert_eq!(all[0]["namespace"], "preferences");
    let mut ids: Vec<_> = all.iter().map(|it| it["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 121, "each once");
    let path = format!("/api/memory/{}", all[120]["id"].as_str().unwrap());
    assert_eq!(house.send(bob(delete(&path))).await.json()["forgotten"], 0);
    assert!(house.send(ann(delete(&path))).await.json()["forgotten"].as_u64().unwrap() > 0);
    for odd in ["nonsense", "conversation.v1-0-0", "semantic.nonsense", "semantic"] {
        house.send(ann(get(&format!("/api/memory?from={odd}")))).await.refuses(400, "");
    }
}

#[tokio::test]
async fn what_is_remembered_is_shown_and_forgotten() {
    let memory = Local::open(Config { path: None, ..Config::default() }).unwrap();
    let script = json!([{ "replies": [{ "text": "hello" }] }]);
    let mut house = House::remembering(&script, Arc::new(memory)).closed();
    let ann = |request| with(request, "authorization", "Bearer ann-token");
    let bob = |request| with(request, "authorization", "Bearer bob-token");
    let ask = json!({ "prompt": "I prefer short answers", "sessionId": "s1" });
    assert_eq!(house.send(ann(post("/invocations", &ask))).await.status, 200);
    house.drained().await;
    let sessions = house.send(ann(get("/api/sessions"))).await.json();
    let first = &sessions["sessions"][0];
    assert_eq!((&first["session"], &first["turns"]), (&json!("s1"), &json!(1)), "{sessions}");
    let told = house.send(ann(get("/api/sessions/s1/events"))).await.json();
    let texts: Vec<&Value> =
        told["events"].as_array().unwrap().iter().map(|it| &it["text"]).collect();
    assert_eq!(texts, ["I prefer short answers", "hello"]);
    assert_eq!(told["events"][1]["model"], "one");
    assert_eq!(house.send(bob(get("/api/sessions"))).await.json()["sessions"], json!([]));
    assert_eq!(house.send(bob(get("/api/sessions/s1/events"))).await.json()["events"], json!([]));
    assert_eq!(house.send(bob(delete("/api/sessions/s1"))).await.json()["forgotten"], 0);
    let gone = house.send(ann(delete("/api/sessions/s1"))).await.json();
    assert!(gone["forgotten"].as_u64().is_some_and(|count| count >= 2), "{gone}");
    assert_eq!(house.send(ann(get("/api/sessions"))).await.json()["sessions"], json!([]));
    assert_eq!(house.send(ann(delete("/api/memory"))).await.status, 200);
    assert_eq!(house.send(ann(get("/api/memory"))).await.json()["records"], json!([]));
    house.send(ann(get("/api/sessions?from=nonsense"))).await.refuses(400, "");
}
