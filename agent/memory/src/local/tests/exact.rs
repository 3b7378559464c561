//! Search is exact: what a comparison of every vector with all of its numbers finds, it finds.
//!
//! In: thousands of vectors that are about as near to a question. Out: nothing. Never: a record that
//! the model has to read.

use rusqlite::Connection;
use toolgate_search::{Model, Near, likeness};

use super::super::file::Place;
use super::super::keep::{self, Lesson, Note};
use super::super::rank::{Times, candidates, ordered};
use super::super::recall::{Asked, meant, recall};
use super::super::shelf::{Card, Shelves};
use super::super::time::millis;
use super::super::vector::{packed, unpacked};
use super::*;

const QUESTIONS: [&str; 8] = [
    "where does the money go",
    "who is on call",
    "the release of the shop",
    "how is the cache filled",
    "what do I like to drink",
    "the name of the pre-production environment",
    "rack seven",
    "why was it slow",
];

/// Numbers without a pattern.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    }

    /// A vector about so near to another.
    fn near(&mut self, to: &[f32], by: f32) -> Vec<f32> {
        let noise = to.iter().map(|_| self.next()).collect::<Vec<_>>();
        let length = likeness(&noise, &noise).sqrt();
        let sum = to.iter().zip(noise).map(|(x, noise)| by * x + (1.0 - by) * noise / length);
        let sum = sum.collect::<Vec<_>>();
        let length = likeness(&sum, &sum).sqrt();
        sum.into_iter().map(|x| x / length).collect()
    }
}

/// So many records, hundreds of them near to each question.
fn filled(connection: &Connection, model: &Model, count: u32) -> Vec<(Card, Vec<f32>)> {
    let mut noise = Noise(7);
    let asked = QUESTIONS.map(|question| model.embed(question));
    let mut all = Vec::new();
    connection.execute("INSERT INTO actors (name) VALUES ('ada')", []).expect("an actor");
    let actor = keep::actor(connection, "ada").expect("a number").expect("it is there");
    for (n, asked) in (0..count).zip(asked.iter().cycle()) {
        let by = 0.3 + 0.3 * (n % 100) as f32 / 100.0;
        let vector = noise.near(asked, by);
        connection
            .execute("INSERT INTO outbox (actor, turn) VALUES (?1, 'none')", [actor])
            .expect("a row");
        let note = Note {
            namespace: Namespace::Semantic,
            content: format!("zz{n}"),
            subject: None,
            vector: vector.clone(),
            supersedes: Vec::new(),
            superseded_by: None,
        };
        let at = millis(days_ago(n % 80));
        let lesson = Lesson {
            outbox: connection.last_insert_rowid(),
            actor,
            seq: None,
            session: "one".to_owned(),
            event: i64::from(n),
            at,
            notes: vec![note],
        };
        keep::learn(connection, &lesson, WIDE).expect("it is kept");
        let id: i64 = connection
            .query_row("SELECT max(id) FROM records", [], |row| row.get(0))
            .expect("a number");
        let card = Card {
            id,
            at,
            namespace: Namespace::Semantic,
            event: i64::from(n),
            superseded_by: None,
        };
        all.push((card, unpacked(&packed(&vector))));
    }
    all
}

#[test]
fn the_first_five_are_those_of_a_comparison_of_all_numbers() {
    let model = Model::embedded().expect("the model");
    let place = Place::new(None).expect("a place");
    let mut connection = place.writer(false).expect("it opens");
    let transaction = connection.transaction().expect("it begins");
    let all = filled(&transaction, model, 4_000);
    transaction.commit().expect("it is kept");
    let shelves = Shelves::new(1 << 30, model.width());
    let times = Times { now: millis(now()), span: None };
    for question in QUESTIONS {
        let asked = Asked {
            actor: "ada".to_owned(),
            text: question.to_owned(),
            most: 5,
            threshold: 0.0,
            now: times.now,
            since: 0,
        };
        let vector = model.embed(question);
        let near = all
            .iter()
            .map(|(card, of)| (*card, Near { like: likeness(of, &vector), ..Near::default() }));
        let exact = ordered(candidates(near, times, usize::MAX, |_| None));
        let exact = exact.iter().take(5).map(|(card, _)| format!("zz{}", card.event));
        let found = recall(&mut connection, &shelves, &asked, &meant(&asked, model));
        let found = found.expect("an answer").into_iter().map(|record| record.content);
        assert_eq!(found.collect::<Vec<_>>(), exact.collect::<Vec<_>>(), "{question}");
    }
}

#[test]
fn a_vector_is_kept_well_enough_that_no_order_changes() {
    let mut noise = Noise(1);
    let asked = noise.near(&[0.0; 384], 0.0);
    for _ in 0..500 {
        let vector = noise.near(&asked, 0.4);
        let kept = unpacked(&packed(&vector));
        let error = (likeness(&vector, &asked) - likeness(&kept, &asked)).abs();
        assert!(error < 2e-5, "{error}");
    }
    assert_eq!(unpacked(&packed(&[0.0; 4])), [0.0; 4]);
    assert_eq!(unpacked(&[1, 2]), Vec::<f32>::new());
}
