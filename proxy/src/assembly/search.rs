//! Tools are found by what they mean: the crate `search`, as the router wants it.
//!
//! Enters: all tools, whenever a list has changed; questions. Leaves: the names of those that answer.
//! Never: a model's work on a worker of the runtime, or for more than so many questions at once; a
//! search that waits for it; the model's memory, where no search is configured.
//!
//! One thread makes indices. A list that comes while it works takes the place of one that waits; the
//! vectors it has made are remembered, so that each definition costs them once.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use toolgate_mcp::{Findable, Finder, Finding, Found, Search};
use toolgate_search::{Embedder, Entry, Index, Limits, Ranking};

use crate::config::Search as Configured;
use crate::config::{self, Config};

/// Most vectors that are remembered, 1.6 kB each.
#[cfg(feature = "model")]
const VECTORS: usize = 10_000;

/// How many vectors are made before those that are there are used.
const SHOWN: usize = 64;

/// Questions of which the meaning is worked out at once; others are answered by their words.
const QUESTIONS: usize = 2;

/// The niceness of whoever makes indices.
const LAST: i32 = 19;

/// Finds tools by their words and, once that is worked out, by their meaning.
#[derive(Debug)]
pub(crate) struct Meaning {
    shared: Arc<Shared>,
    questions: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when there is another list, and when there will be none.
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<Vec<Findable>>,
    index: Option<Arc<Index>>,
    over: bool,
}

/// What is looked at of a definition.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Definition<'a> {
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(rename = "inputSchema")]
    input: Schema<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Schema<'a> {
    #[serde(borrow)]
    properties: Option<std::collections::BTreeMap<String, &'a RawValue>>,
}

/// Whoever finds tools, if they can be searched anywhere.
pub(super) fn finder(config: &Config) -> std::io::Result<Option<Arc<dyn Finder>>> {
    let mut all = config.servers.iter().map(|server| server.search).chain([config.search]);
    if all.all(|search| search == Configured::Off) {
        return Ok(None);
    }
    Ok(Some(Arc::new(Meaning::new()?)))
}

/// As the router calls it.
pub(super) const fn published(search: config::Search) -> Search {
    match search {
        Configured::Off => Search::Off,
        Configured::Beside => Search::Beside,
        Configured::Only => Search::Only,
    }
}

/// The model, where it is part of this build.
fn embedder() -> Option<Arc<Embedder>> {
    #[cfg(feature = "model")]
    {
        let model = toolgate_search::Model::embedded();
        let model = model.inspect_err(|flaw| tracing::error!(%flaw, "search goes by words alone"));
        Some(Arc::new(Embedder::new(model.ok()?, VECTORS)))
    }
    #[cfg(not(feature = "model"))]
    None
}

// === impl Meaning ===

impl Meaning {
    /// Nothing can be found yet. It has a thread of its own, which ends with it.
    ///
    /// # Errors
    /// The system gives no thread.
    fn new() -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (of, embedder) = (Arc::downgrade(&shared), embedder());
        let named = std::thread::Builder::new().name("toolgate-search".to_owned());
        drop(named.spawn(move || work(&of, embedder.as_ref()))?);
        Ok(Self { shared, questions: Arc::new(Semaphore::new(QUESTIONS)) })
    }
}

impl Drop for Meaning {
    fn drop(&mut self) {
        self.shared.state().over = true;
        self.shared.woken.notify_all();
    }
}

impl Finder for Meaning {
    fn know(&self, tools: Vec<Findable>) {
        self.shared.state().wanted = Some(tools);
        self.shared.woken.notify_all();
    }

    fn find(&self, question: String, may: HashSet<Arc<str>>, most: usize) -> Finding {
        let Some(index) = self.shared.state().index.clone() else {
            let waiting = may.len();
            return Box::pin(std::future::ready(Found { waiting, ..Found::default() }));
        };
        let waiting = index.waiting().filter(|entry| may.contains(&*entry.key)).count();
        let means = cfg!(feature = "model") && waiting < may.len();
        let place = Arc::clone(&self.questions).try_acquire_owned().ok().filter(|_| means);
        Box::pin(async move {
            let by_meaning = place.is_some();
            let ranking = if by_meaning { Ranking::Both } else { Ranking::Words };
            let look = move || {
                let _place = place;
                let hits = index
                    .search_where(&question, most, ranking, |key| may.contains(key).then_some(0.0));
                hits.into_iter().map(|hit| hit.key).collect::<Vec<_>>()
            };
            // By words it takes microseconds.
            let tools = if by_meaning {
                tokio::task::spawn_blocking(look).await.ok()
            } else {
                Some(look())
            };
            Found { tools: tools.unwrap_or_default(), by_meaning, waiting }
        })
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next list; `None`: nobody searches any more.
    fn wanted(&self) -> Option<Vec<Findable>> {
        let mut state = self.state();
        loop {
            if state.over {
                return None;
            }
            if let Some(tools) = state.wanted.take() {
                return Some(tools);
            }
            state = self.woken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether what is being worked on is not wanted any more.
    fn is_stale(&self) -> bool {
        let state = self.state();
        state.over || state.wanted.is_some()
    }

    fn show(&self, index: &Index) {
        self.state().index = Some(Arc::new(index.clone()));
    }
}

/// Makes indices until nobody searches any more.
fn work(of: &Weak<Shared>, embedder: Option<&Arc<Embedder>>) {
    // Requests come first: the thread takes what they leave of the processor. (Linux: of the thread.)
    let _as_it_is = rustix::process::setpriority_process(None, LAST);
    while let Some(shared) = of.upgrade() {
        let Some(tools) = shared.wanted() else { return };
        let mut index = Index::new(embedder.cloned(), Limits::default());
        for tool in &tools {
            if let Err(full) = index.insert(entry(tool)) {
                tracing::warn!(%full, "not all tools can be searched");
                break;
            }
        }
        shared.show(&index);
        let waiting = index.waiting().cloned().collect::<Vec<_>>();
        let Some(embedder) = embedder else { continue };
        for (made, entry) in (1..).zip(&waiting) {
            if shared.is_stale() {
                break;
            }
            embedder.embed(entry);
            if made % SHOWN == 0 || made == waiting.len() {
                index.settle();
                shared.show(&index);
            }
        }
    }
}

fn entry(tool: &Findable) -> Entry {
    let read = tool.raw.parse::<Definition<'_>>().unwrap_or_default();
    let description =
        read.description.and_then(|text| serde_json::from_str::<String>(text.get()).ok());
    let parameters = read.input.properties.unwrap_or_default();
    let parameters = parameters.keys().map(String::as_str);
    Entry::tool(&tool.full, description.as_deref().unwrap_or_default(), parameters)
}

#[cfg(test)]
mod tests;
