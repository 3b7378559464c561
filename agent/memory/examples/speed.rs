//! How fast a local search is: `cargo run --release --example speed -p toolgate-agent-memory`.
//!
//! In: records of one actor, made up, in a file. Out: how long a search takes (the median, and what all
//! but one in a hundred take), how long the first one takes, how much memory it is. Never: a turn that
//! the model reads: vectors are those of a few hundred sentences, shaken.
#![expect(clippy::print_stdout, reason = "what it is for")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, process};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use toolgate_agent_memory::{Actor, Config, Local, Memory as _, Question, Session};
use toolgate_search::Model;

/// How many records are searched.
const RECORDS: [u32; 2] = [10_000, 100_000];
/// Searches that are timed.
const TIMES: usize = 1_000;
/// Sentences that vectors are made of.
const SENTENCES: u32 = 200;

const QUESTIONS: [&str; 5] = [
    "what did we say about the release of the checkout service",
    "who is on call for the database this week",
    "which cluster has the slow disks",
    "how do I want reports to look",
    "why did the certificate of the gateway expire last Tuesday",
];

/// The rarer, the later.
const WORDS: &str = "the service cluster release of error pod database deploy node queue we to gateway \
    restart in latency disk alert on certificate memory region rollback limit cache canary checkout \
    payments replica volume quota budget token webhook ingress topic shard bucket kernel firmware \
    invoice thermostat telescope printer ledger barcode satellite";

struct Noise(u64);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let folder = env::temp_dir().join(format!("toolgate-memory-speed-{}", process::id()));
    fs::create_dir_all(&folder)?;
    let done = embedded().and_then(|()| {
        RECORDS.into_iter().try_for_each(|count| {
            let path = folder.join(format!("{count}.db"));
            fill(&path, count)?;
            runtime.block_on(measured(path, count))
        })
    });
    fs::remove_dir_all(&folder)?;
    done
}

/// What a question costs before anything is searched.
fn embedded() -> Result<()> {
    let model = Model::embedded()?;
    let questions = QUESTIONS.iter().cycle().take(TIMES);
    let took = questions.map(|question| {
        let began = Instant::now();
        drop(std::hint::black_box(model.embed(question)));
        began.elapsed()
    });
    say("the question's vector", took.collect());
    Ok(())
}

async fn measured(path: PathBuf, count: u32) -> Result<()> {
    let size = fs::metadata(&path)?.len() / 1_000_000;
    let before = resident()?;
    let memory = Local::open(config(path))?;
    let (actor, session) = (Actor::new("ada")?, Session::new("asking")?);
    let question = |text| Question {
        actor: &actor,
        session: &session,
        text,
        most: 5,
        threshold: 0.0,
        now: SystemTime::now(),
    };
    let began = Instant::now();
    for text in QUESTIONS {
        memory.recall(&question(text)).await?;
        if text == QUESTIONS[0] {
            println!("{count} records ({size} MB): the first search {:?}", began.elapsed());
        }
    }
    let mut took = Vec::new();
    for text in QUESTIONS.iter().cycle().take(TIMES) {
        let question = question(text);
        let began = Instant::now();
        let found = memory.recall(&question).await?;
        took.push(began.elapsed());
        anyhow::ensure!(!found.is_empty(), "nothing is found");
    }
    say("  a search, question and all", took);
    println!("  memory for it: {} MB", resident()?.saturating_sub(before) / 1_000);
    Ok(())
}

fn config(path: PathBuf) -> Config {
    Config { path: Some(path), ..Config::default() }
}

/// Makes a memory, and puts records into its file.
fn fill(path: &Path, count: u32) -> Result<()> {
    drop(Local::open(config(path.to_owned()))?);
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "synchronous", "off")?;
    let transaction = connection.transaction()?;
    transaction.execute("INSERT INTO actors (id, name, seq) VALUES (1, 'ada', ?1)", [count])?;
    let mut noise = Noise(1);
    let model = Model::embedded()?;
    let near = (0..SENTENCES).map(|_| model.embed(&sentence(&mut noise))).collect::<Vec<_>>();
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_millis())?;
    let mut insert = transaction.prepare(
        "INSERT INTO records (actor, namespace, content, at, session, event, seq, vector)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?5, ?6)",
    )?;
    for (n, near) in (1..=count).zip(near.iter().cycle()) {
        let kind = match n % 10 {
            0 => "preferences",
            1..4 => "semantic",
            _ => "conversation",
        };
        let at = now - 60_000 * i64::from(n);
        let vector = noise.shaken(near);
        let row = params![kind, sentence(&mut noise), at, format!("s{}", n / 20), n, vector];
        insert.execute(row)?;
    }
    drop(insert);
    transaction.commit()?;
    Ok(())
}

/// Twenty words, the first ones often.
fn sentence(noise: &mut Noise) -> String {
    let words = WORDS.split_whitespace().collect::<Vec<_>>();
    #[expect(clippy::cast_possible_truncation, reason = "less than the number of words")]
    let word = |noise: &mut Noise| {
        let at = noise.next() + 0.5;
        let at = (at * at * words.len() as f32).floor() as usize;
        words.get(at).copied().unwrap_or("the")
    };
    (0..20).map(|_| word(noise)).collect::<Vec<_>>().join(" ")
}

fn say(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
    println!("{what}: {:?} (median), {:?} (p99), {:?} (least)", at(50), at(99), at(0));
}

/// What the kernel says this process has in memory of its own, in kB.
fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.context("no RssAnon in the status")
}

impl Noise {
    /// From -0.5 to 0.5.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    }

    /// A vector that is a little like another, as the file has it.
    #[expect(clippy::cast_possible_truncation, reason = "at most the largest")]
    fn shaken(&mut self, near: &[f32]) -> Vec<u8> {
        let vector = near.iter().map(|x| x + 0.1 * self.next()).collect::<Vec<_>>();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        let vector = vector.iter().map(|x| x / length);
        let most = vector.clone().fold(0.0_f32, |most, x| most.max(x.abs()));
        let numbers = vector.flat_map(|x| ((x / most * 32_767.0).round() as i16).to_le_bytes());
        (most / 32_767.0).to_le_bytes().into_iter().chain(numbers).collect()
    }
}
