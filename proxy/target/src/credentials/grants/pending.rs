//! What users are asked and have not answered yet.
//!
//! Enters: callers who have let the gateway do nothing yet, and browsers. Leaves: links; whom a state is
//! for. Never: a link or a state that works twice or after its time; a state for another browser than
//! the one that agreed; more of either than there is room for.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::digest;
use tokio::time::Instant;
use toolgate_call::Secret;

use super::Whom;

/// How many links, and how many states, there may be.
const MOST: usize = 1024;
/// How many of them one caller may have.
const EACH: usize = 16;
/// How long a link is good, and after it a state.
const LIFE: Duration = Duration::from_secs(600);
/// A link that is good for less is not given out again.
const FRESH: Duration = Duration::from_secs(300);

/// What is looked up: nothing about the text can be learned from how long that takes.
type Digest = [u8; 32];

/// See the module.
#[derive(Default)]
pub(super) struct Pending {
    links: HashMap<Digest, Link>,
    flows: HashMap<Digest, Flow>,
}

/// Nobody has agreed yet.
struct Link {
    whom: Whom,
    text: Secret,
    ends: Instant,
}

/// A browser is with the authorization server.
struct Flow {
    whom: Whom,
    verifier: Secret,
    browser: Digest,
    ends: Instant,
}

// === impl Pending ===

impl Pending {
    /// The link for that caller: one that it has already, or this new one; `None` if there is no room.
    pub(super) fn link(&mut self, whom: Whom, new: Secret) -> Option<Secret> {
        self.sweep();
        let now = Instant::now();
        let known = self.links.values().find(|link| link.whom == whom && now + FRESH < link.ends);
        if let Some(known) = known {
            return Some(known.text.clone());
        }
        let own = self.links.values().filter(|link| is_same(&link.whom, &whom)).count();
        if self.links.len() >= MOST || own >= EACH {
            return None;
        }
        let link = Link { whom, text: new.clone(), ends: now + LIFE };
        self.links.insert(hash(new.expose()), link);
        Some(new)
    }

    /// For whom a link is.
    pub(super) fn offered(&mut self, link: &str) -> Option<Whom> {
        self.sweep();
        self.links.get(&hash(link)).map(|link| link.whom.clone())
    }

    /// The user of that browser agrees to what a link asks.
    pub(super) fn agreed(
        &mut self,
        link: &str,
        browser: &str,
        (state, verifier): (&Secret, &Secret),
    ) -> Option<Whom> {
        self.sweep();
        let whom = self.links.remove(&hash(link))?.whom;
        let own = self.flows.values().filter(|flow| is_same(&flow.whom, &whom)).count();
        if self.flows.len() >= MOST || own >= EACH {
            return None;
        }
        let (verifier, browser) = (verifier.clone(), hash(browser));
        let flow = Flow { whom: whom.clone(), verifier, browser, ends: Instant::now() + LIFE };
        self.flows.insert(hash(state.expose()), flow);
        Some(whom)
    }

    /// A browser is back with a state. It is of no use from now on, whoever brings it.
    pub(super) fn back(&mut self, state: &str, browser: &str) -> Option<(Whom, Secret)> {
        self.sweep();
        let flow = self.flows.remove(&hash(state))?;
        (flow.browser == hash(browser)).then_some((flow.whom, flow.verifier))
    }

    pub(super) fn len(&self) -> usize {
        self.links.len() + self.flows.len()
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        self.links.retain(|_, link| now < link.ends);
        self.flows.retain(|_, flow| now < flow.ends);
    }
}

fn is_same(one: &Whom, other: &Whom) -> bool {
    one.issuer == other.issuer && one.subject == other.subject
}

fn hash(text: &str) -> Digest {
    let mut all = Digest::default();
    all.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    all
}

#[cfg(test)]
mod tests {
    //! Once, in time, by whom it is for, and not too many.

    use std::sync::Arc;
    use std::time::Duration;

    use toolgate_call::Secret;

    use super::super::Whom;
    use super::{EACH, LIFE, MOST, Pending};

    fn whom(subject: &str, target: &str) -> Whom {
        Whom { issuer: Arc::from("i"), subject: Arc::from(subject), target: Arc::from(target) }
    }

    fn text(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn ask(pending: &mut Pending, subject: &str, target: &str, new: &str) -> Option<String> {
        let link = pending.link(whom(subject, target), text(new));
        link.map(|link| link.expose().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_and_a_state_work_once_and_in_time_and_for_one_browser() {
        let mut pending = Pending::default();
        assert_eq!(ask(&mut pending, "a", "t", "one").as_deref(), Some("one"));
        assert_eq!(ask(&mut pending, "a", "t", "two").as_deref(), Some("one"), "it has one");
        assert_eq!(ask(&mut pending, "b", "t", "two").as_deref(), Some("two"), "another's");
        assert_eq!(pending.offered("one"), Some(whom("a", "t")));
        assert_eq!(pending.offered("none"), None);
        let secrets = (&text("state"), &text("verifier"));
        assert_eq!(pending.agreed("one", "browser", secrets), Some(whom("a", "t")));
        assert_eq!(pending.offered("one"), None, "it was used");
        assert_eq!(pending.agreed("one", "browser", secrets), None);
        assert!(pending.back("state", "other").is_none(), "another browser");
        assert!(pending.back("state", "browser").is_none(), "it was shown before");
        pending.agreed("two", "browser", secrets).unwrap();
        let (back, verifier) = pending.back("state", "browser").unwrap();
        assert_eq!((back, verifier.expose()), (whom("b", "t"), "verifier"));
        assert!(ask(&mut pending, "a", "t", "three").is_some());
        tokio::time::advance(LIFE).await;
        assert_eq!(pending.offered("three"), None);
        assert_eq!(pending.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_near_its_end_is_not_given_out_again() {
        let mut pending = Pending::default();
        ask(&mut pending, "a", "t", "one").unwrap();
        tokio::time::advance(Duration::from_secs(301)).await;
        assert_eq!(ask(&mut pending, "a", "t", "two").as_deref(), Some("two"));
        assert!(pending.offered("one").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_has_more_links_than_there_is_room_for() {
        let mut pending = Pending::default();
        for number in 0..EACH {
            ask(&mut pending, "a", &format!("t{number}"), &format!("a{number}")).unwrap();
        }
        assert_eq!(ask(&mut pending, "a", "t", "more"), None);
        assert!(ask(&mut pending, "b", "t", "b").is_some(), "others still have");
        for number in 0.. {
            let name = format!("c{number}");
            if ask(&mut pending, &name, "t", &name).is_none() {
                break;
            }
        }
        assert_eq!(pending.len(), MOST);
    }
}
