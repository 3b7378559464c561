//! What is found, when, and that nobody waits for it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use toolgate_call::RawJson;
use toolgate_mcp::{Findable, Finder as _, Found};

use super::Meaning;

fn tool(full: &str, description: &str, parameters: &[&str]) -> Findable {
    let properties = parameters.iter().map(|name| ((*name).to_owned(), json!({})));
    let properties = properties.collect::<serde_json::Map<_, _>>();
    let raw = json!({
        "name": full,
        "description": description,
        "inputSchema": { "type": "object", "properties": properties },
    });
    Findable { full: full.into(), raw: RawJson::built(raw.to_string().into()) }
}

fn tools() -> Vec<Findable> {
    vec![
        tool("k8s___drain_node", "Evict every pod from a node.", &["node"]),
        tool("cdn___purge", "Purge cached files at the edge.", &["zone"]),
        tool("db___dump", "Dump a table.", &["database", "snapshot_id"]),
    ]
}

async fn found(finder: &Meaning, question: &str, may: &[&str]) -> Found {
    let may = may.iter().map(|name| Arc::from(*name)).collect::<HashSet<_>>();
    finder.find(question.to_owned(), may, 10).await
}

/// Asks until the answer is so; a thread of the finder's works meanwhile.
async fn until(finder: &Meaning, is_so: impl Fn(&Found) -> bool) -> Found {
    let begun = Instant::now();
    loop {
        let all = ["k8s___drain_node", "cdn___purge", "db___dump"];
        let found = found(finder, "visitors still see the old stylesheet", &all).await;
        if is_so(&found) {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{found:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn before_there_is_a_list_nothing_is_found_and_nobody_waits() {
    let finder = Meaning::new().unwrap();
    let nothing = found(&finder, "a node", &["k8s___drain_node"]).await;
    assert_eq!(nothing, Found { tools: Vec::new(), by_meaning: false, waiting: 1 });
}

#[cfg(feature = "model")]
#[tokio::test]
async fn what_shares_no_word_is_found_once_its_meaning_is_worked_out() {
    let finder = Meaning::new().unwrap();
    finder.know(tools());
    let found = until(&finder, |found| found.by_meaning && found.waiting == 0).await;
    assert_eq!(&*found.tools[0], "cdn___purge");
}

#[cfg(feature = "model")]
#[tokio::test]
async fn what_may_not_be_seen_is_not_found() {
    let finder = Meaning::new().unwrap();
    finder.know(tools());
    until(&finder, |found| found.waiting == 0).await;
    for may in [&["db___dump"][..], &["db___dump", "k8s___drain_node"], &[]] {
        let found = found(&finder, "purge cached files at the edge", may).await;
        let names = found.tools.iter().map(|name| &**name).collect::<HashSet<_>>();
        assert!(names.is_subset(&may.iter().copied().collect()), "{found:?}");
        assert_eq!(found.waiting, 0);
    }
}

#[tokio::test]
async fn another_list_takes_the_place_of_the_one_before() {
    let finder = Meaning::new().unwrap();
    finder.know(tools());
    finder.know(vec![tool("db___dump", "Purge what is left.", &[])]);
    until(&finder, |found| found.tools == [Arc::from("db___dump")]).await;
    let words = found(&finder, "purge", &["db___dump", "cdn___purge"]).await;
    assert_eq!(words.tools, [Arc::from("db___dump")]);
}

#[cfg(feature = "model")]
#[tokio::test]
async fn who_finds_no_place_is_answered_by_words() {
    let finder = Meaning::new().unwrap();
    finder.know(tools());
    until(&finder, |found| found.waiting == 0).await;
    let mut places = Vec::new();
    for _ in 0..super::QUESTIONS {
        places.push(finder.questions.acquire().await.unwrap());
    }
    let found = found(&finder, "purge cached files", &["cdn___purge", "db___dump"]).await;
    assert_eq!(
        found,
        Found { tools: vec![Arc::from("cdn___purge")], by_meaning: false, waiting: 0 }
    );
}

#[test]
fn an_entry_is_what_the_definition_says() {
    let [_, _, dump] = tools().try_into().unwrap();
    let entry = super::entry(&dump);
    assert_eq!(
        (&*entry.key, &*entry.title, &*entry.text),
        ("db___dump", "db dump", "Dump a table.")
    );
    assert_eq!(entry.terms, ["database", "snapshot id"]);
    let bare = Findable { full: "a___b".into(), raw: RawJson::literal("{}") };
    assert_eq!(super::entry(&bare).title, "a b");
}
