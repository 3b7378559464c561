//! What is said later about the same holds.
//!
//! In: pairs of sentences. Out: nothing. Never: the order that they came in as the only reason: an
//! earlier time that is learnt later does not win.

use super::super::keep;
use super::*;

/// What is said, what is said instead later, and a question.
const PAIRS: &[(&str, &str, &str)] = &[
    ("I prefer tables.", "I prefer lists.", "how do I want things laid out: tables or lists"),
    ("I prefer tables", "I prefer lists now", "I prefer tables"),
    ("Please answer in German.", "Please answer in English.", "in which language do I want it"),
    ("Keep your answers short.", "From now on, give me detailed answers.", "how long may it be"),
    ("I use vim.", "I switched from vim to helix.", "which editor do I have"),
    ("Call me Katherine.", "Call me Kit.", "what is my name"),
    (
        "The staging cluster is called pelican.",
        "The staging cluster is now called heron.",
        "what is the staging cluster called",
    ),
    (
        "The payments API runs in eu-west-1.",
        "We moved the payments API to eu-central-1.",
        "where does the payments API run",
    ),
    ("We use Jenkins for builds.", "We use Buildkite for builds.", "what do we use for builds"),
    ("I like coffee.", "I don't like coffee anymore.", "do I like coffee"),
    ("Always use kubectl.", "Use k9s instead of kubectl.", "kubectl or what"),
    (
        "Always use Slack for alerts.",
        "Use email instead of Slack for alerts.",
        "how do I want to hear of alerts",
    ),
];

#[tokio::test]
async fn a_later_word_on_the_same_stands_above_the_earlier_or_replaces_it() {
    for (at, (earlier, later, question)) in PAIRS.iter().enumerate() {
        let memory = memory();
        let who = format!("actor-{at}");
        tell(&memory, (&who, "one"), earlier, days_ago(9)).await;
        tell(&memory, (&who, "two"), later, days_ago(1)).await;
        for question in [question, earlier, later] {
            let found = words(&memory, &who, question).await;
            assert_eq!(found[0], *later, "{question}: {found:?}");
        }
        let kinds = [Namespace::Preferences, Namespace::Semantic];
        for kind in kinds {
            let known = records(&memory, &who, kind).await;
            assert!(known.iter().all(|record| record.content != *earlier), "{known:?}");
        }
    }
}

#[tokio::test]
async fn what_is_about_something_else_stays() {
    let memory = memory();
    for (days, text) in (1..).zip([
        "I prefer email for alerts.",
        "I prefer Slack for reviews.",
        "Answer in English.",
        "Keep your answers short.",
        "The staging cluster is called pelican.",
        "The production cluster is called heron.",
        "We use Buildkite for builds.",
        "We use Argo for deployments.",
    ]) {
        tell(&memory, ("ada", "one"), text, days_ago(20 - days)).await;
    }
    assert_eq!(records(&memory, "ada", Namespace::Preferences).await.len(), 4);
    assert_eq!(records(&memory, "ada", Namespace::Semantic).await.len(), 4);
}

#[tokio::test]
async fn of_three_the_last_holds_whatever_is_asked() {
    let memory = memory();
    let said = [
        "Show me the pods of checkout in Frankfurt. I prefer tables.",
        "Show me the pods of checkout in Frankfurt. I prefer lists to tables of pods.",
        "Always write prose.",
    ];
    for (days, text) in [9, 5, 1].into_iter().zip(said) {
        tell(&memory, ("ada", text), text, days_ago(days)).await;
    }
    // The question is so unlike the last that it is found only because it holds now.
    for n in 0..60_u32 {
        let text = format!("Show me the pods of billing in Frankfurt {n}");
        tell(&memory, ("ada", "noise"), &text, days_ago(10 + n)).await;
    }
    for most in [200, 63] {
        let found = ask(&memory, "ada", "the pods of checkout in Frankfurt", (most, 0.0)).await;
        let place = |of: &str| {
            let of = Some(session(of));
            found.iter().position(|record| record.session == of)
        };
        let last = place(said[2]).expect("what holds is found");
        for earlier in [said[0], said[1]] {
            assert!(place(earlier).is_none_or(|at| at > last), "{earlier} {last}: {found:?}");
        }
        assert!(most < 200 || place(said[0]).is_some(), "it said more than that: {found:?}");
    }
}

#[tokio::test]
async fn an_earlier_word_that_comes_late_does_not_win() {
    let memory = memory();
    tell(&memory, ("ada", "two"), "I prefer lists.", days_ago(1)).await;
    tell(&memory, ("ada", "one"), "I prefer tables.", days_ago(9)).await;
    assert_eq!(words(&memory, "ada", "I prefer tables.").await[0], "I prefer lists.");
    let known = records(&memory, "ada", Namespace::Preferences).await;
    assert_eq!(known.len(), 1, "{known:?}");
}

#[tokio::test]
async fn many_facts_between_two_preferences_do_not_part_them() {
    let memory = memory();
    tell(&memory, ("ada", "one"), "I prefer tables.", days_ago(20)).await;
    tell(&memory, ("ada", "one"), "The staging cluster is called pelican.", days_ago(20)).await;
    let facts = memory.jobs().expect("open").run(|connection| {
        let actor = keep::actor(connection, "ada")?.expect("it is there");
        for n in 0..700 {
            connection.execute("INSERT INTO outbox (actor, turn) VALUES (?1, 'none')", [actor])?;
            let note = keep::Note {
                namespace: Namespace::Semantic,
                content: format!("The box {n} is in rack {n}."),
                subject: Some(format!("place of box {n}")),
                vector: vec![0.0; 384],
                supersedes: Vec::new(),
                superseded_by: None,
            };
            let lesson = keep::Lesson {
                outbox: connection.last_insert_rowid(),
                actor,
                seq: None,
                session: "many".to_owned(),
                event: 1_000_000 + n,
                at: super::super::time::millis(days_ago(10)),
                notes: vec![note],
            };
            keep::learn(connection, &lesson, WIDE)?;
        }
        Ok(())
    });
    facts.await.expect("they are kept");
    tell(&memory, ("ada", "two"), "I prefer lists.", days_ago(1)).await;
    tell(&memory, ("ada", "two"), "The staging cluster is called heron.", days_ago(1)).await;
    let known = records(&memory, "ada", Namespace::Preferences).await;
    assert_eq!(known.len(), 1, "{known:?}");
    let known = records(&memory, "ada", Namespace::Semantic).await;
    assert!(!known.iter().any(|record| record.content.contains("pelican")));
}
