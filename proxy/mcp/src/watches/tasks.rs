//! Who wants to hear of the course of which task.
//!
//! Enters: tasks by their targets' ids, and what targets tell of them. Leaves: to each watcher the last
//! word on each task, under the id that it knows it by. Never: a word that is larger than is worth
//! keeping (whoever waits can ask), nor an older one beside a newer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use toolgate_call::RawJson;

use super::{Full, OF_ONE, Of, Watcher, Watches};

/// The largest word on a task that is kept until it is taken, in bytes.
const LARGEST: usize = 256 * 1024;

/// A target, and its id of a task.
type Task = (Arc<str>, Arc<str>);

/// The tasks that one watcher follows, and the last word on each that it has not taken.
#[derive(Debug, Default)]
pub(super) struct Followed {
    known_as: BTreeMap<Task, Arc<str>>,
    words: BTreeMap<Arc<str>, RawJson>,
}

// === impl Followed ===

impl Followed {
    pub(super) fn count(&self) -> usize {
        self.known_as.len()
    }

    pub(super) fn has_news(&self) -> bool {
        !self.words.is_empty()
    }

    pub(super) fn all(self) -> impl Iterator<Item = Task> {
        self.known_as.into_keys()
    }

    fn tell(&mut self, task: &Task, word: &RawJson) {
        if let Some(id) = self.known_as.get(task) {
            self.words.insert(Arc::clone(id), word.clone());
        }
    }
}

// === impl Watches ===

impl Watches {
    /// A target tells of one of its tasks; `false`: more than is kept, so that nobody hears of it.
    #[must_use]
    pub fn task(&self, target: &str, id: &str, word: &RawJson) -> bool {
        if word.len() > LARGEST {
            return false;
        }
        let state = self.state();
        let mut wakers: Vec<Waker> = Vec::new();
        let known = state.targets.get_key_value(target);
        if let Some((name, (id, ears))) =
            known.and_then(|(name, target)| Some((name, target.tasks.get_key_value(id)?)))
        {
            let task = (Arc::clone(name), Arc::clone(id));
            for ear in ears.values() {
                let mut heard = ear.heard();
                heard.tasks.tell(&task, word);
                wakers.append(&mut heard.wakers);
            }
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        true
    }
}

// === impl Watcher ===

impl Watcher {
    /// Follows a target's task, which the caller knows by that id.
    pub(crate) fn follow(
        &self,
        target: &Arc<str>,
        task: &Arc<str>,
        known_as: &Arc<str>,
    ) -> Result<(), Full> {
        let mut state = self.watches.state();
        let mut heard = self.ear.heard();
        let key = (Arc::clone(target), Arc::clone(task));
        if heard.tasks.known_as.contains_key(&key) {
            return Ok(());
        }
        if heard.count() >= OF_ONE {
            return Err(Full);
        }
        heard.tasks.known_as.insert(key.clone(), Arc::clone(known_as));
        drop(heard);
        let added = state.add(target, (Of::Task, task), (self.number, &self.ear));
        if added.is_err() {
            self.ear.heard().tasks.known_as.remove(&key);
        }
        added
    }

    /// Takes the last word on each task of which there is one, by the ids that the caller knows.
    pub(crate) fn take_tasks(&self) -> BTreeMap<Arc<str>, RawJson> {
        std::mem::take(&mut self.ear.heard().tasks.words)
    }
}

#[cfg(test)]
mod tests {
    //! Who hears of which task.

    use std::sync::Arc;
    use std::task::{Context, Waker};

    use toolgate_call::RawJson;

    use super::LARGEST;
    use crate::watches::{OF_ONE, Watches};

    #[test]
    fn each_hears_the_last_word_on_its_tasks_under_its_own_id() {
        let watches = Arc::new(Watches::default());
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let (mut of_a, _of_b) = (watches.of(&a), watches.of(&b));
        let (one, other) = (watches.watcher(), watches.watcher());
        let task: Arc<str> = "t".into();
        one.follow(&a, &task, &"one".into()).unwrap();
        one.follow(&b, &task, &"two".into()).unwrap();
        other.follow(&a, &task, &"three".into()).unwrap();
        assert_eq!(of_a.borrow_and_update().tasks.len(), 1);
        for word in ["1", "2"] {
            assert!(watches.task("a", "t", &RawJson::literal(word)));
        }
        assert!(watches.task("a", "other", &RawJson::literal("3")));
        assert!(one.has_news(&Context::from_waker(Waker::noop())));
        let heard = [one.take_tasks(), other.take_tasks()];
        let heard = heard.map(|words| words.into_iter().collect::<Vec<_>>());
        let word = || RawJson::literal("2");
        assert_eq!(heard, [vec![("one".into(), word())], vec![("three".into(), word())]]);
        assert!(!one.has_news(&Context::from_waker(Waker::noop())), "it was taken");
        drop((one, other));
        assert!(of_a.borrow_and_update().is_empty());
    }

    #[test]
    fn nothing_is_kept_without_bounds() {
        let watches = Arc::new(Watches::default());
        let a: Arc<str> = "a".into();
        let _of_a = watches.of(&a);
        let watcher = watches.watcher();
        let large = RawJson::built(" ".repeat(LARGEST + 1).into());
        assert!(!watches.task("a", "t", &large));
        for n in 0..OF_ONE {
            watcher.follow(&a, &n.to_string().into(), &"x".into()).unwrap();
        }
        assert!(watcher.follow(&a, &"more".into(), &"x".into()).is_err());
        assert!(watcher.add(&a, &"t://more".into()).is_err());
    }
}
