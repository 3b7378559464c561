//! The ways to search that are compared.
//!
//! In: tools and questions. Out: for each way and question, the names of the tools, the best first.
//! Never: tells the ways apart by anything but their scores.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Result, ensure};
use toolgate_search::{Embedder, Entry, Index, Limits, Model, Ranking};

use crate::MOST;
use crate::set::{Question, Tool};

/// The tools that answer, the best first.
pub(crate) type Order = Vec<String>;

type Way = (&'static str, Vec<Order>);

/// `model/recipe.py --full`: directions in 8 bits, of the tools, then of the questions.
const FULL: &[u8] = include_bytes!("../../eval/full.bin");

/// What a rank counts in a fusion of ranks (Cormack et al., 2009).
const RANK: f32 = 60.0;

/// Every way, words first.
pub(crate) fn all(tools: &[Tool], questions: &[Question]) -> Result<Vec<Way>> {
    let model = Model::embedded()?;
    let texts =
        tools.iter().map(|tool| format!("{}: {}", tool.name.replace('_', " "), tool.description));
    let texts = texts.collect::<Vec<_>>();
    let full = full(tools, questions, model.width())?;
    let (full_tools, full_questions) = full.split_at(tools.len());
    let eight = |text: &str| model.embed(text);
    let eight_tools = texts.iter().map(|text| eight(text)).collect::<Vec<_>>();
    let eight_questions =
        questions.iter().map(|question| eight(question.asked)).collect::<Vec<_>>();
    let mut fixed = Static { model, of: HashMap::new(), rarity: rarity(&texts) };
    let fixed_tools = texts.iter().map(|text| fixed.embed(text)).collect::<Vec<_>>();
    let fixed_questions =
        questions.iter().map(|question| fixed.embed(question.asked)).collect::<Vec<_>>();

    let index = |technical: bool| {
        let embedder = Arc::new(Embedder::new(model, tools.len()));
        let entries = tools.iter().map(|tool| Entry { technical, ..tool.entry() });
        Index::build(Some(embedder), Limits::default(), entries)
    };
    let (bare, whole) = (index(false)?, index(true)?);
    let by = |index: &Index, ranking, most| by_index(index, questions, ranking, most);
    let words = by(&bare, Ranking::Words, tools.len());
    let meant = by_likeness(tools, full_tools, full_questions);
    let fused = words.iter().zip(&meant).map(|(words, meant)| fuse(words, meant)).collect();
    Ok(vec![
        ("words (BM25)", words),
        ("static vectors", by_likeness(tools, &fixed_tools, &fixed_questions)),
        ("MiniLM, full precision", meant),
        ("MiniLM, 8 bits", by_likeness(tools, &eight_tools, &eight_questions)),
        ("MiniLM and BM25, ranks fused", fused),
        ("index, no everyday words", by(&bare, Ranking::Both, MOST)),
        ("index, meaning alone", by(&whole, Ranking::Meaning, MOST)),
        ("index (the default)", by(&whole, Ranking::Both, MOST)),
    ])
}

fn by_index(index: &Index, questions: &[Question], ranking: Ranking, most: usize) -> Vec<Order> {
    let hits = questions.iter().map(|q| index.search_by(q.asked, most, ranking, |_| 0.0));
    hits.map(|hits| hits.into_iter().map(|hit| hit.key.to_string()).collect()).collect()
}

fn by_likeness(tools: &[Tool], of: &[Vec<f32>], questions: &[Vec<f32>]) -> Vec<Order> {
    let order = |question: &Vec<f32>| {
        let mut scored = tools.iter().zip(of).map(|(tool, of)| (dot(question, of), tool.name));
        let mut scored = scored.by_ref().collect::<Vec<_>>();
        scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
        scored.into_iter().map(|(_, name)| name.to_owned()).collect()
    };
    questions.iter().map(order).collect()
}

/// Reciprocal rank fusion.
fn fuse(left: &Order, right: &Order) -> Order {
    let mut scores = HashMap::<&str, f32>::new();
    for order in [left, right] {
        for (rank, name) in order.iter().enumerate() {
            *scores.entry(name).or_default() += 1.0 / (RANK + 1.0 + rank as f32);
        }
    }
    let mut scored = scores.into_iter().collect::<Vec<_>>();
    scored.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(right.0)));
    scored.into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn full(tools: &[Tool], questions: &[Question], width: usize) -> Result<Vec<Vec<f32>>> {
    let vectors = FULL
        .chunks_exact(width)
        .map(|vector| unit(vector.iter().map(|number| f32::from(number.cast_signed())).collect()));
    let vectors = vectors.collect::<Vec<_>>();
    ensure!(vectors.len() == tools.len() + questions.len(), "run model/recipe.py --full");
    Ok(vectors)
}

/// One vector for each word, whatever stands beside it, distilled from the model: what the model
/// makes of the word alone. A text is the mean of its words, rare ones counting more.
struct Static {
    model: &'static Model,
    of: HashMap<String, Vec<f32>>,
    rarity: HashMap<String, f32>,
}

impl Static {
    fn embed(&mut self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0; self.model.width()];
        let most = self.rarity.values().copied().fold(0.0, f32::max);
        for word in words(text) {
            let by = self.rarity.get(&word).copied().unwrap_or(most);
            let model = self.model;
            let vector = self.of.entry(word).or_insert_with_key(|word| model.embed(word));
            sum.iter_mut().zip(&*vector).for_each(|(sum, x)| *sum += by * x);
        }
        unit(sum)
    }
}

fn rarity(texts: &[String]) -> HashMap<String, f32> {
    let mut saying = HashMap::<String, f32>::new();
    for text in texts {
        let once = words(text).collect::<HashSet<_>>();
        once.into_iter().for_each(|word| *saying.entry(word).or_default() += 1.0);
    }
    let all = texts.len() as f32;
    saying.into_iter().map(|(word, saying)| (word, (1.0 + all / saying).ln())).collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = dot(&vector, &vector).sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}
