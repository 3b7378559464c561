//! Whether rates are about something that there is.
//!
//! In: `limits.rates`, targets and servers. Out: mistakes: a name that nothing has, a rule that no call
//! meets. It never counts a call.

use crate::config::choice::RatePer;
use crate::config::code;
use crate::config::file::{File, RateRule};
use crate::config::report::Mistake;
use crate::config::review::Review;

use super::amounts;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    loops(file, review);
    for (n, rule) in file.limits.rates.iter().enumerate() {
        let n = n.to_string();
        let path = ["limits", "rates", &n];
        amounts::time(&rule.every, &[&path[..], &["every"]].concat(), review);
        names(file, rule, &path, review);
        if rule.per == Some(RatePer::Server) && file.servers.0.is_empty() {
            let at = review.at(&[&path[..], &["per"]].concat());
            let mistake = Mistake::new(code::NO_EFFECT, at, "`per: server` has no effect");
            review.add(mistake.label("there are no `servers`").help("write `per: gateway`"));
        }
    }
}

/// A caller is slowed before it is stopped, or that has no effect.
fn loops(file: &File, review: &mut Review<'_>) {
    let Some(loops) = &file.limits.loops else { return };
    amounts::time(&loops.forget_after, &["limits", "loops", "forget_after"], review);
    let Some((slow, stop)) = loops.slow_after.zip(loops.stop_after) else { return };
    if slow > stop {
        let at = review.at(&["limits", "loops", "slow_after"]);
        let message =
            format!("callers are stopped after {stop} and slowed after {slow}: never slowed");
        let help = "write a `slow_after` that is not above `stop_after`";
        review.add(Mistake::new(code::NO_EFFECT, at, message).help(help));
    }
}

fn names(file: &File, rule: &RateRule, path: &[&str], review: &mut Review<'_>) {
    let of_tool = rule.tool.as_deref().map(|tool| match tool.split_once("___") {
        Some((target, _)) => target,
        None => tool,
    });
    for (key, target) in [("target", rule.target.as_deref()), ("tool", of_tool)] {
        let Some(target) = target else { continue };
        if file.targets.0.iter().any(|(name, _)| name == target) {
            continue;
        }
        let at = review.at(&[path, &[key]].concat());
        let message = format!("there is no target `{target}`");
        let help = "name a target of `targets`; a tool is written `target___tool`";
        review.add(Mistake::new(code::NO_EFFECT, at, message).help(help));
    }
}
