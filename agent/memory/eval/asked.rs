//! The labelled set, told to a local memory and asked of it.
//!
//! In: facts and questions. Out: for each question, whose conversations were found. Never: an order of
//! its own.

use std::time::Duration;

use super::set::{Fact, MOST, Question, now};
use super::{Actor, Config, Local, Memory, MemoryError, Session, Turn};

/// What was found: whose, and its key.
pub(crate) type Found = (String, String);

/// Tells a new memory everything.
pub(crate) async fn told(facts: &[Fact]) -> anyhow::Result<Local> {
    let config = Config { retention: Duration::from_secs(86_400 * 365_000), ..Config::default() };
    let memory = Local::open(config)?;
    for fact in facts {
        let name = format!("{}/{}", fact.actor, fact.key);
        let turn = Turn {
            id: name.clone(),
            actor: Actor::new(fact.actor)?,
            session: Session::new(&name)?,
            asked: fact.said.to_owned(),
            answered: fact.answered.to_owned(),
            tools: Vec::new(),
            took: Duration::from_secs(2),
            model: "small".to_owned(),
            at: now() - Duration::from_secs(86_400) * fact.days_ago,
        };
        memory.remember(&turn).await?;
    }
    memory.settled().await;
    Ok(memory)
}

/// Asks everything, each question as its actor.
pub(crate) async fn asked(
    memory: &Local,
    questions: &[Question],
    threshold: f32,
) -> anyhow::Result<Vec<Vec<Found>>> {
    let mut all = Vec::new();
    for question in questions {
        let (actor, session) = (Actor::new(question.actor)?, Session::new("asking")?);
        let asking = super::Asked {
            actor: &actor,
            session: &session,
            text: question.asked,
            most: MOST,
            threshold,
            now: now(),
        };
        let records: Result<_, MemoryError> = memory.recall(&asking).await;
        let names = records?.into_iter().filter_map(|record| record.session);
        let pair = |name: Session| {
            let (whose, key) = name.as_str().split_once('/').unwrap_or_default();
            (whose.to_owned(), key.to_owned())
        };
        all.push(names.map(pair).collect());
    }
    Ok(all)
}

/// Records that were found and are another's.
pub(crate) fn violations(questions: &[Question], found: &[Vec<Found>]) -> usize {
    let pairs = questions.iter().zip(found);
    let others = |(question, found): (&Question, &Vec<Found>)| {
        found.iter().filter(|(whose, _)| whose != question.actor).count()
    };
    pairs.map(others).sum()
}

/// The keys alone.
pub(crate) fn keys(found: &[Vec<Found>]) -> Vec<Vec<String>> {
    found.iter().map(|found| found.iter().map(|(_, key)| key.clone()).collect()).collect()
}
