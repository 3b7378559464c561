//! Whether rates are about something that there is.
//!
//! In: `limits.rates`, targets and servers. Out: mistakes: a name that nothing has, a rule that no call
//! meets. It never counts a call.

use std::time::Duration;

use crate::config::choice::RatePer;
use crate::config::code;
use crate::config::file::{File, RateRule};
use crate::config::report::Mistake;
use crate::config::review::Review;

use super::amounts;

/// Longest that a call may wait to learn whether it is one too many.
const LONGEST_ASKED: Duration = Duration::from_secs(1);

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    loops(file, review);
    shared(file, review);
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

/// Buckets that gateways share are in somebody's hands: of whoever reaches Redis.
fn shared(file: &File, review: &mut Review<'_>) {
    let Some(shared) = &file.limits.shared else { return };
    let path = ["limits", "shared"];
    if file.limits.rates.is_empty() {
        let at = review.key_at(&path);
        let mistake = Mistake::new(code::NO_EFFECT, at, "`shared` has no effect without `rates`");
        review.add(mistake.label("nothing is counted").help("write `rates`, or remove `shared`"));
    }
    amounts::within(
        &shared.timeout,
        (LONGEST_ASKED, "1s"),
        &["limits", "shared", "timeout"],
        review,
    );
    let Some(redis) = &shared.redis else { return };
    let within = |key| ["limits", "shared", "redis", key];
    if redis.password.is_some() && redis.url.as_ref().is_some_and(|url| url.0.is_exposed()) {
        let at = review.at(&within("url"));
        let mistake =
            Mistake::new(code::INSECURE_URL, at, "the password would be sent without TLS");
        let mistake = mistake.label("readable by anyone on the way");
        review.add(mistake.help("use `rediss://`, or remove `password`"));
    }
    if redis.user.is_some() && redis.password.is_none() {
        let at = review.key_at(&within("user"));
        let mistake = Mistake::new(code::NO_EFFECT, at, "`user` has no effect without `password`");
        review.add(mistake.help("write `password: env:NAME`, or remove `user`"));
    }
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '{' | '}');
    if redis.prefix.as_ref().is_some_and(|prefix| !prefix.chars().all(plain)) {
        let at = review.at(&within("prefix"));
        let mistake = Mistake::new(code::MALFORMED, at, "`prefix` is not one word");
        let help = "write for example `toolgate`; braces mark what lies together in a cluster";
        review.add(mistake.help(help));
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
