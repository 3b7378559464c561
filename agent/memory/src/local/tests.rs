//! What a local memory promises.
//!
//! In: turns at given times, in folders of their own. Out: nothing. Never: waits for a clock, or for
//! anything but what the memory itself tells.

mod apart;
mod archive;
mod crash;
mod exact;
mod extract;
mod fail;
mod forget;
mod hold;
mod labelled;
mod pages;
mod recall;
mod supersede;
mod when;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, process};

use super::keep::Bounds;
use super::{Config, Local};
use crate::{Actor, Event, Memory, Namespace, Question, Record, Session, Turn};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// Noon of Thursday, 12 March 2026.
const NOON: u64 = 1_773_316_800;

/// Bounds that nothing reaches.
const WIDE: Bounds = Bounds { retention: i64::MAX / 4, events: i64::MAX, records: i64::MAX };

/// A folder that goes with the test.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("toolgate-memory-{}-{count}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("memory.db")
    }

    /// Keeps everything for ever, in this folder.
    fn config(&self) -> Config {
        Config { path: Some(self.file()), ..forever() }
    }

    fn open(&self) -> Local {
        Local::open(self.config()).expect("it opens")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// In memory, for ever: the clock of the machine makes no difference.
fn forever() -> Config {
    Config { retention: 365_000 * DAY, ..Config::default() }
}

fn memory() -> Local {
    Local::open(forever()).expect("it opens")
}

/// The time that tests take for now.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOON)
}

fn days_ago(days: u32) -> SystemTime {
    now() - days * DAY
}

fn actor(name: &str) -> Actor {
    Actor::new(name).expect("a name")
}

fn session(name: &str) -> Session {
    Session::new(name).expect("a name")
}

fn turn(id: &str, (who, conversation): (&str, &str), asked: &str, at: SystemTime) -> Turn {
    Turn {
        id: id.to_owned(),
        actor: actor(who),
        session: session(conversation),
        asked: asked.to_owned(),
        answered: "Noted.".to_owned(),
        tools: vec!["k8s_get_pods".to_owned()],
        took: Duration::from_millis(1_200),
        model: "big".to_owned(),
        at,
    }
}

/// Says something in a conversation, and waits until it is learnt.
async fn tell(memory: &Local, whose: (&str, &str), text: &str, at: SystemTime) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let id = format!("turn-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    memory.remember(&turn(&id, whose, text, at)).await.expect("it is kept");
    memory.settled().await;
}

/// Asks in a new conversation; whatever is found counts.
async fn found(memory: &Local, who: &str, text: &str) -> Vec<Record> {
    ask(memory, who, text, (5, 0.0)).await
}

async fn ask(
    memory: &Local,
    who: &str,
    text: &str,
    (most, threshold): (usize, f32),
) -> Vec<Record> {
    let (actor, session) = (actor(who), session("asking"));
    let question = Question { actor: &actor, session: &session, text, most, threshold, now: now() };
    memory.recall(&question).await.expect("an answer")
}

/// The words of what is found.
async fn words(memory: &Local, who: &str, text: &str) -> Vec<String> {
    found(memory, who, text).await.into_iter().map(|record| record.content).collect()
}

async fn events(memory: &Local, who: &str, conversation: &str) -> Vec<Event> {
    let (actor, session) = (actor(who), session(conversation));
    let mut all = Vec::new();
    let mut from = None;
    loop {
        let page = memory.events(&actor, &session, from.as_deref()).await.expect("a page");
        all.splice(0..0, page.entries);
        from = page.next;
        if from.is_none() {
            return all;
        }
    }
}

async fn records(memory: &Local, who: &str, namespace: Namespace) -> Vec<Record> {
    let actor = actor(who);
    let mut all = Vec::new();
    let mut from = None;
    loop {
        let page = memory.records(&actor, namespace, from.as_deref()).await.expect("a page");
        all.extend(page.entries);
        from = page.next;
        if from.is_none() {
            return all;
        }
    }
}

/// Everything that can be asked of an actor, as one text.
async fn everything(memory: &Local, who: &str) -> String {
    let mut all = String::new();
    for namespace in Namespace::ALL {
        all += &format!("{:?}", records(memory, who, *namespace).await);
    }
    let sessions = memory.sessions(&actor(who), None).await.expect("a page").entries;
    for summary in &sessions {
        all += &format!("{:?}", events(memory, who, summary.session.as_str()).await);
    }
    all + &format!("{sessions:?}")
}

/// What SQLite puts beside a file.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
