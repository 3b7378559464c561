//! Who wants to hear of changes of which resource, and of the course of which task.
//!
//! Enters: watchers (the stream of a subscription, or a session of the older era), what each of them
//! watches, and word from targets. Leaves: to every target all that is watched of it, and to each
//! watcher what has changed. Never: one target's word about another's resource or task; more than a
//! bounded number of them; anything of it in another replica.

mod tasks;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use tokio::sync::watch;
use toolgate_call::{Watch, Watched};

/// The most that one watcher may watch.
pub(crate) const OF_ONE: usize = 256;
/// The most that may be watched in all.
const OF_ALL: usize = 16_384;
/// The most streams of one session that wait; the others look from time to time.
const WAITING: usize = 16;
/// The most parts of resources of which one watcher has heard and not taken word.
const UNTAKEN: usize = 1024;

/// All that is watched, by target. See the module.
#[derive(Debug, Default)]
pub struct Watches(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    targets: HashMap<Arc<str>, Target>,
    /// Pairs of watcher and URI.
    count: usize,
    next: u64,
}

/// Who wants to hear of each of them.
type Ears = BTreeMap<Arc<str>, HashMap<u64, Arc<Ear>>>;

#[derive(Debug)]
struct Target {
    watchers: Ears,
    /// The same of tasks, by the target's ids.
    tasks: Ears,
    union: watch::Sender<Watched>,
}

/// Somebody who watches. Dropped, it watches nothing any more.
#[derive(Debug)]
pub(crate) struct Watcher {
    watches: Arc<Watches>,
    number: u64,
    ear: Arc<Ear>,
}

/// What a watcher has heard and not taken yet.
#[derive(Debug, Default)]
struct Ear(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// What it watches, and whose that is.
    watched: BTreeMap<Arc<str>, Arc<str>>,
    updated: BTreeSet<Arc<str>>,
    tasks: tasks::Followed,
    /// A session may have several streams.
    wakers: Vec<Waker>,
}

/// Of what somebody wants to hear.
#[derive(Clone, Copy, Debug)]
enum Of {
    Resource,
    Task,
}

/// No room for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

// === impl Watches ===

impl Watches {
    /// What is watched of a target, now and whenever it changes. Targets that were never asked for
    /// here have nothing that can be watched.
    pub fn of(&self, target: &Arc<str>) -> watch::Receiver<Watched> {
        let new = || Target {
            watchers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            union: watch::Sender::default(),
        };
        self.state().targets.entry(Arc::clone(target)).or_insert_with(new).union.subscribe()
    }

    /// A target says that one of its resources has changed.
    pub fn updated(&self, target: &str, uri: &str) {
        let told: Arc<str> = Arc::from(uri);
        self.tell(target, |watchers| {
            let watched = wholes(uri).filter_map(|whole| watchers.get_key_value(whole));
            watched.flat_map(|(whole, ears)| tell((whole, &told), ears)).collect()
        });
    }

    /// What a target may have said for a while was not heard: any of its resources may have changed.
    pub fn missed(&self, target: &str) {
        self.tell(target, |watchers| {
            watchers.iter().flat_map(|(uri, ears)| tell((uri, uri), ears)).collect()
        });
    }

    /// Somebody who watches nothing yet.
    pub(crate) fn watcher(self: &Arc<Self>) -> Watcher {
        let mut state = self.state();
        state.next += 1;
        Watcher { watches: Arc::clone(self), number: state.next, ear: Arc::default() }
    }

    /// Wakes outside the lock whoever was told of something.
    fn tell(&self, target: &str, told: impl FnOnce(&Ears) -> Vec<Waker>) {
        let state = self.state();
        let wakers = state.targets.get(target).map(|target| told(&target.watchers));
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those who watch `whole` that `uri`, it or a part of it, has changed; of the whole
/// instead, whoever has not taken many others.
fn tell((whole, uri): (&Arc<str>, &Arc<str>), ears: &HashMap<u64, Arc<Ear>>) -> Vec<Waker> {
    let told = ears.values().flat_map(|ear| {
        let mut heard = ear.heard();
        let uri = if heard.updated.len() < UNTAKEN { uri } else { whole };
        heard.updated.insert(Arc::clone(uri));
        std::mem::take(&mut heard.wakers)
    });
    told.collect()
}

/// A resource, and those of which it may be a part by its path: whoever subscribes to one may be told
/// of its parts (2025-11-25 `schema`, `ResourceUpdatedNotification`).
fn wholes(uri: &str) -> impl Iterator<Item = &str> {
    let ends = uri.char_indices().filter(|(_, c)| matches!(c, '/' | '?' | '#'));
    let ends = ends.flat_map(|(at, _)| [at, at + 1]);
    let parts = ends.filter_map(move |end| uri.get(..end).filter(|whole| whole.len() < uri.len()));
    std::iter::once(uri).chain(parts)
}

// === impl State ===

impl State {
    fn add(
        &mut self,
        target: &str,
        (of, one): (Of, &Arc<str>),
        watcher: (u64, &Arc<Ear>),
    ) -> Result<(), Full> {
        if self.count >= OF_ALL {
            return Err(Full);
        }
        let Some(target) = self.targets.get_mut(target) else { return Err(Full) };
        let ears = target.ears(of).entry(Arc::clone(one)).or_default();
        let is_first = ears.is_empty();
        if ears.insert(watcher.0, Arc::clone(watcher.1)).is_none() {
            self.count += 1;
        }
        if is_first {
            target.publish();
        }
        Ok(())
    }

    /// Takes out what one watcher watches of one target.
    fn remove(&mut self, target: &str, (of, all): (Of, &[Arc<str>]), number: u64) {
        let Some(target) = self.targets.get_mut(target) else { return };
        let mut gone = false;
        for one in all {
            let watchers = target.ears(of);
            let Some(ears) = watchers.get_mut(one) else { continue };
            if ears.remove(&number).is_some() {
                self.count = self.count.saturating_sub(1);
            }
            if ears.is_empty() {
                watchers.remove(one);
                gone = true;
            }
        }
        if gone {
            target.publish();
        }
    }
}

// === impl Target ===

impl Target {
    const fn ears(&mut self, of: Of) -> &mut Ears {
        match of {
            Of::Resource => &mut self.watchers,
            Of::Task => &mut self.tasks,
        }
    }

    fn publish(&self) {
        let all = |ears: &Ears| ears.keys().map(Arc::clone).collect();
        let watch = Watch { uris: all(&self.watchers), tasks: all(&self.tasks) };
        self.union.send_replace(Arc::new(watch));
    }
}

// === impl Watcher ===

impl Watcher {
    /// Watches a target's resource.
    pub(crate) fn add(&self, target: &Arc<str>, uri: &Arc<str>) -> Result<(), Full> {
        let mut state = self.watches.state();
        let mut heard = self.ear.heard();
        if heard.watched.contains_key(uri) {
            return Ok(());
        }
        if heard.count() >= OF_ONE {
            return Err(Full);
        }
        heard.watched.insert(Arc::clone(uri), Arc::clone(target));
        drop(heard);
        let added = state.add(target, (Of::Resource, uri), (self.number, &self.ear));
        if added.is_err() {
            self.ear.heard().watched.remove(uri);
        }
        added
    }

    /// Does not watch it any more.
    pub(crate) fn remove(&self, uri: &str) {
        let mut state = self.watches.state();
        let mut heard = self.ear.heard();
        heard.updated.remove(uri);
        let Some((uri, target)) = heard.watched.remove_entry(uri) else { return };
        drop(heard);
        state.remove(&target, (Of::Resource, &[uri]), self.number);
    }

    /// Watches nothing any more.
    pub(crate) fn clear(&self) {
        let mut state = self.watches.state();
        let (watched, tasks) = {
            let mut heard = self.ear.heard();
            heard.updated.clear();
            (std::mem::take(&mut heard.watched), std::mem::take(&mut heard.tasks))
        };
        for (target, task) in tasks.all() {
            state.remove(&target, (Of::Task, &[task]), self.number);
        }
        let mut by_target: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
        for (uri, target) in watched {
            by_target.entry(target).or_default().push(uri);
        }
        for (target, uris) in by_target {
            state.remove(&target, (Of::Resource, &uris), self.number);
        }
    }

    /// Whether it watches nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.ear.heard().count() == 0
    }

    /// Whether something has changed. If not, whoever asks is woken when it does.
    pub(crate) fn has_news(&self, cx: &Context<'_>) -> bool {
        let mut heard = self.ear.heard();
        if heard.updated.is_empty() && !heard.tasks.has_news() {
            heard.wait(cx.waker());
            return false;
        }
        true
    }

    /// Takes what has changed since it was last taken, each URI once.
    pub(crate) fn take(&self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.ear.heard().updated)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.clear();
    }
}

// === impl Heard ===

impl Heard {
    /// How much is watched.
    fn count(&self) -> usize {
        self.watched.len() + self.tasks.count()
    }

    /// Wakes this one as well, once there is something to tell.
    fn wait(&mut self, waker: &Waker) {
        if self.wakers.iter().any(|have| have.will_wake(waker)) {
            return;
        }
        if self.wakers.len() >= WAITING {
            self.wakers.remove(0);
        }
        self.wakers.push(waker.clone());
    }
}

// === impl Ear ===

impl Ear {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
