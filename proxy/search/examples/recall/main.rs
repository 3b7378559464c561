//! How much search finds, how fast, and for how much memory: `cargo run --release --example recall
//! -p toolgate-search`.
//!
//! In: the labelled set in `eval/`. Out: recall by each way to search, side by side; then times and
//! memory. Never: a number that was not measured in this run (but for the vectors of full precision,
//! which `model/recipe.py --full` computed).
#![expect(clippy::print_stdout, reason = "what it is for")]

#[path = "../../eval/set.rs"]
mod set;
mod speed;
mod ways;

use anyhow::Result;

use set::Question;
use toolgate_search::Entry;
use ways::Order;

/// Most hits that count.
const MOST: usize = 10;

/// The parts of the set, as the columns of the table.
const PARTS: [(&str, &str); 7] = [
    ("tune", "para"),
    ("held", "para"),
    ("fresh", "para"),
    ("other", "para"),
    ("tune", "words"),
    ("held", "words"),
    ("own", "words"),
];

fn main() -> Result<()> {
    speed::model()?;
    let (tools, questions) = (set::tools(), set::questions());
    let ways = ways::all(&tools, &questions)?;
    println!(
        "{} tools, {} questions; recall@{MOST} (of the first 3)\n",
        tools.len(),
        questions.len()
    );
    print!("| way |");
    for (split, kind) in PARTS {
        print!(" {split} {kind}: {} |", of(&questions, split, kind).count());
    }
    println!(" lost |\n|---|{}---|", "---|".repeat(PARTS.len()));
    let words = ways.first().map(|(_, orders)| orders.as_slice()).unwrap_or_default();
    for (name, orders) in &ways {
        print!("| {name} |");
        for (split, kind) in PARTS {
            let of = of(&questions, split, kind).map(|(at, question)| (question, orders.get(at)));
            let of = of.collect::<Vec<_>>();
            print!(" {:.2} ({:.2}) |", mean(&of, MOST), mean(&of, 3));
        }
        println!(" {} |", lost(&questions, words, orders));
    }
    println!("\nlost: questions of which words (the first row) find more\n");
    speed::report(&tools)
}

fn of<'a>(
    questions: &'a [Question],
    split: &'a str,
    kind: &'a str,
) -> impl Iterator<Item = (usize, &'a Question)> {
    let all = questions.iter().enumerate();
    all.filter(move |(_, question)| question.split == split && question.kind == kind)
}

fn mean(of: &[(&Question, Option<&Order>)], most: usize) -> f32 {
    let found = of.iter().map(|(question, order)| recall(question, *order, most));
    found.sum::<f32>() / of.len() as f32
}

/// The share of a question's answers that are among the first so many.
fn recall(question: &Question, order: Option<&Order>, most: usize) -> f32 {
    let order = order.map(Vec::as_slice).unwrap_or_default();
    let found = question.answers.iter();
    let found = found.filter(|answer| order.iter().take(most).any(|key| key == **answer));
    found.count() as f32 / question.answers.len() as f32
}

fn lost(questions: &[Question], words: &[Order], orders: &[Order]) -> usize {
    let pairs = questions.iter().zip(words.iter().zip(orders));
    let lost = pairs.filter(|(question, (words, order))| {
        recall(question, Some(words), MOST) > recall(question, Some(order), MOST)
    });
    lost.count()
}
