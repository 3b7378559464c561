//! How much is recalled, and whether anything of another is: `cargo run --release --example recall -p
//! toolgate-agent-memory`.
//!
//! In: the labelled set in `eval/`. Out: the share of its questions that are answered by each way to
//! search, side by side. Never: a number that was not measured in this run (but for the vectors of full
//! precision, which `eval/full.py` computed).
#![expect(clippy::print_stdout, reason = "what it is for")]

#[path = "../eval/asked.rs"]
mod asked;
#[path = "../eval/set.rs"]
mod set;

use anyhow::Result;
use rusqlite::{Connection, params};
use toolgate_agent_memory::{
    Actor, Config, Local, Memory, MemoryError, Question as Asked, Session, Turn,
};
use toolgate_search::{Model, words};

use set::{Fact, MOST, Question};

/// What the agent asks for, if nobody says otherwise.
const THRESHOLD: f32 = 0.3;

/// A way to search, and for each question the keys of what it finds, the best first.
type Way = (&'static str, Vec<Vec<String>>);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let (facts, questions) = (set::facts(), set::questions());
    let full = owned(set::by_full_precision(&facts, &questions));
    let (mut ways, violations) = runtime.block_on(found_by(&facts, &questions))?;
    ways.insert(1, ("MiniLM, full precision", full));
    table(&["para", "newer", "time"], &questions, &ways);
    println!("\nrecords of another found: {violations}");
    if std::env::args().any(|word| word == "--missed") {
        missed(&questions, &ways);
    }
    let (facts, questions) = set::tune();
    let (ways, _) = runtime.block_on(found_by(&facts, &questions))?;
    println!("\nWhat numbers were chosen by:\n");
    table(&["para", "words", "said"], &questions, &ways);
    Ok(())
}

/// Every way that needs nothing computed before, and how many records of another were found.
async fn found_by(facts: &[Fact], questions: &[Question]) -> Result<(Vec<Way>, usize)> {
    let memory = asked::told(facts).await?;
    let found = asked::asked(&memory, questions, 0.0).await?;
    let likely = asked::asked(&memory, questions, THRESHOLD).await?;
    let ways = vec![
        ("FTS5 (BM25)", by_words(facts, questions)?),
        ("MiniLM, 8 bits", owned(by_model(facts, questions)?)),
        ("local, from a score of 0.3 on", asked::keys(&likely)),
        ("local", asked::keys(&found)),
    ];
    Ok((ways, asked::violations(questions, &found)))
}

fn owned(orders: Vec<Vec<&str>>) -> Vec<Vec<String>> {
    let keys = |order: Vec<&str>| order.into_iter().map(str::to_owned).collect();
    orders.into_iter().map(keys).collect()
}

fn table(kinds: &[&str], questions: &[Question], ways: &[Way]) {
    print!("recall@{MOST} (@1)\n\n| way |");
    for kind in kinds {
        let count = questions.iter().filter(|question| question.kind == *kind).count();
        print!(" {kind}: {count} |");
    }
    println!("\n|---|{}", "---|".repeat(kinds.len()));
    for (name, orders) in ways {
        print!("| {name} |");
        for kind in kinds {
            let of = |most| set::recall(questions, orders, (*kind, most));
            print!(" {:.3} ({:.3}) |", of(MOST), of(1));
        }
        println!();
    }
}

/// What the last way does not answer.
fn missed(questions: &[Question], ways: &[Way]) {
    let Some((_, orders)) = ways.last() else { return };
    for (question, order) in questions.iter().zip(orders) {
        let one = set::recall(&[*question], std::slice::from_ref(order), (question.kind, MOST));
        if question.answer.is_some() && one < 1.0 {
            println!("{question:?}: {order:?}");
        }
    }
}

/// SQLite's own search by words, over what the actor said.
fn by_words(facts: &[Fact], questions: &[Question]) -> Result<Vec<Vec<String>>> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(
        "CREATE VIRTUAL TABLE said USING fts5 (
           actor UNINDEXED, key UNINDEXED, text, tokenize = 'porter unicode61')",
    )?;
    for fact in facts {
        let row = params![fact.actor, fact.key, fact.said];
        connection.execute("INSERT INTO said VALUES (?1, ?2, ?3)", row)?;
    }
    let sql = "SELECT key FROM said WHERE said MATCH ?1 AND actor = ?2 ORDER BY bm25(said), key";
    let mut search = connection.prepare(sql)?;
    let mut all = Vec::new();
    for question in questions {
        let any = words(question.asked).map(|word| format!("\"{word}\"*"));
        let any = any.collect::<Vec<_>>().join(" OR ");
        let keys = search.query_map(params![any, question.actor], |row| row.get(0))?;
        all.push(keys.collect::<Result<_, _>>()?);
    }
    Ok(all)
}

fn by_model<'a>(facts: &'a [Fact], questions: &[Question]) -> Result<Vec<Vec<&'a str>>> {
    let model = Model::embedded()?;
    let of_facts = facts.iter().map(|fact| model.embed(fact.said)).collect::<Vec<_>>();
    let asked = questions.iter().map(|question| model.embed(question.asked)).collect::<Vec<_>>();
    Ok(set::by_likeness((facts, &of_facts), (questions, &asked)))
}
