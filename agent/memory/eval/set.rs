//! The labelled set: what people told their agents, and what they ask later.
//!
//! In: the files beside this one. Out: what they say, and whether an answer is right. Never: a question
//! that numbers were chosen by, but for those of `tune.txt`, which is kept apart.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FACTS: &str = include_str!("facts.txt");
const QUESTIONS: &str = include_str!("questions.txt");
/// What numbers were chosen by, facts and questions.
const TUNE: &str = include_str!("tune.txt");
/// `full.py`: directions in 8 bits by the model in full precision, of the facts, then of the questions.
const FULL: &[u8] = include_bytes!("full.bin");

/// Hits that count.
pub(crate) const MOST: usize = 5;

/// Something that was said, in a conversation that is called by its actor and key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fact {
    pub(crate) actor: &'static str,
    pub(crate) key: &'static str,
    pub(crate) days_ago: u32,
    pub(crate) said: &'static str,
    pub(crate) answered: &'static str,
}

/// A question, the key of what answers it, and that of what does no more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) actor: &'static str,
    /// `para`, `newer`, `time` or `other`; of `tune.txt`, `para`, `words` or `said`.
    pub(crate) kind: &'static str,
    pub(crate) asked: &'static str,
    pub(crate) answer: Option<&'static str>,
    pub(crate) superseded: Option<&'static str>,
}

/// Noon of Thursday, 12 March 2026.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_773_316_800)
}

pub(crate) fn facts() -> Vec<Fact> {
    let facts = lines(FACTS).map(parts);
    facts.map(|[actor, key, days, said]| fact([actor, key, days, said, "Understood."])).collect()
}

pub(crate) fn questions() -> Vec<Question> {
    lines(QUESTIONS).map(parts).map(question).collect()
}

/// What numbers are chosen by.
pub(crate) fn tune() -> (Vec<Fact>, Vec<Question>) {
    let of = |kind| lines(TUNE).filter_map(move |line| line.strip_prefix(kind));
    let (facts, questions) = (of("fact | ").map(parts), of("ask | ").map(parts));
    (facts.map(fact).collect(), questions.map(question).collect())
}

fn fact([actor, key, days_ago, said, answered]: [&'static str; 5]) -> Fact {
    Fact { actor, key, days_ago: days_ago.parse().unwrap_or_default(), said, answered }
}

fn question([actor, kind, asked, keys]: [&'static str; 4]) -> Question {
    let mut keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
    let (answer, superseded) = (keys.next(), keys.next());
    Question { actor, kind, asked, answer, superseded }
}

/// For each question, what is likest by the model in full precision, of what its actor said.
pub(crate) fn by_full_precision(facts: &[Fact], questions: &[Question]) -> Vec<Vec<&'static str>> {
    let width = FULL.len() / (facts.len() + questions.len());
    let vectors = FULL.chunks_exact(width).map(unit).collect::<Vec<_>>();
    let (of_facts, of_questions) = vectors.split_at(facts.len().min(vectors.len()));
    by_likeness((facts, of_facts), (questions, of_questions))
}

/// For each question, what is likest by such vectors, of what its actor said.
pub(crate) fn by_likeness(
    (facts, of_facts): (&[Fact], &[Vec<f32>]),
    (questions, of_questions): (&[Question], &[Vec<f32>]),
) -> Vec<Vec<&'static str>> {
    let order = |(question, asked): (&Question, &Vec<f32>)| {
        let own = facts.iter().zip(of_facts).filter(|(fact, _)| fact.actor == question.actor);
        let mut scored = own.map(|(fact, of)| (dot(of, asked), fact.key)).collect::<Vec<_>>();
        scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
        scored.into_iter().map(|(_, key)| key).collect()
    };
    questions.iter().zip(of_questions).map(order).collect()
}

/// The share of the questions of a kind whose answer is among the first so many, and not below what it
/// supersedes.
pub(crate) fn recall<K: AsRef<str>>(
    questions: &[Question],
    orders: &[Vec<K>],
    (kind, most): (&str, usize),
) -> f32 {
    let of = questions.iter().zip(orders).filter(|(question, _)| question.kind == kind);
    let (mut all, mut right) = (0.0, 0.0);
    for (question, order) in of {
        all += 1.0;
        let place = |key: Option<&str>| order.iter().position(|found| Some(found.as_ref()) == key);
        let at = place(question.answer).filter(|at| *at < most);
        let before = place(question.superseded);
        if at.is_some_and(|at| before.is_none_or(|before| before > at)) {
            right += 1.0;
        }
    }
    right / all
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn parts<const N: usize>(line: &'static str) -> [&'static str; N] {
    let mut parts = line.split('|').map(str::trim);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn unit(numbers: &[u8]) -> Vec<f32> {
    let vector = numbers.iter().map(|number| f32::from(number.cast_signed())).collect::<Vec<_>>();
    let length = dot(&vector, &vector).sqrt();
    vector.into_iter().map(|x| x / length).collect()
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}
