//! Whether times and sizes can work.
//!
//! In: every duration and size that must not be zero or has an upper bound.
//! Out: mistakes. It never looks at counts: the schema bounds those.

use std::time::Duration;

use crate::config::code;
use crate::config::file::{File, Retry, Settings};
use crate::config::report::{Mistake, quote};
use crate::config::resolve::{DEFAULT_BODY, DEFAULT_RETRY, merge_retry};
use crate::config::review::Review;
use crate::config::text::Text;
use crate::config::units::Size;

/// Longest duration that makes sense for anything here.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Longest call that the gateway allows (AgentCore Gateway's limit).
pub(crate) const LONGEST_CALL: Duration = Duration::from_secs(15 * 60);
/// Largest token: the head of a request, which it is a part of, may have 64 KiB in all.
const LARGEST_TOKEN: u64 = 48 << 10;
/// Largest size: one buffer of it must fit in memory.
const LARGEST: u64 = 1 << 30;

type Time = Option<Text<Duration>>;
type Bytes = Option<Text<Size>>;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    size(&file.limits.body, &["limits", "body"], review);
    size(&file.limits.bodies, &["limits", "bodies"], review);
    room_for_one(file, review);
    token_size(&file.limits.token_bytes, review);
    time(&file.sessions.lifetime, &["sessions", "lifetime"], review);
    bounded(&file.shutdown.grace, &["shutdown", "grace"], review);
    settings(&file.defaults, &["defaults"], review);
    let shared = file.defaults.retry.as_ref();
    waits(shared, DEFAULT_RETRY, &["defaults"], review);
    let shared = merge_retry(DEFAULT_RETRY, shared);
    for (name, target) in &file.targets.0 {
        settings(&target.settings(), &["targets", name], review);
        waits(target.retry.as_ref(), shared, &["targets", name], review);
    }
    for (name, tool) in &file.tools.0 {
        call(&tool.timeout, &["tools", name, "timeout"], review);
        let target = name.split_once("___").map(|(target, _)| target);
        let target = file.targets.0.iter().find(|(name, _)| Some(name.as_str()) == target);
        let inherited = merge_retry(shared, target.and_then(|(_, t)| t.retry.as_ref()));
        waits(tool.retry.as_ref(), inherited, &["tools", name], review);
    }
}

/// Bodies together must have room for the largest one.
fn room_for_one(file: &File, review: &mut Review<'_>) {
    let Some(Text(together)) = &file.limits.bodies else { return };
    let largest = file.limits.body.as_ref().map_or(DEFAULT_BODY, |body| body.0.bytes());
    if together.bytes() < largest {
        let mistake = Mistake::new(
            code::OUT_OF_RANGE,
            review.at(&["limits", "bodies"]),
            "`bodies` has no room for the largest body",
        );
        let largest = format!("`body` is {largest} bytes");
        review.add(mistake.label(largest).help("write a `bodies` that is not below `body`"));
    }
}

fn settings(settings: &Settings, path: &[&str], review: &mut Review<'_>) {
    call(&settings.timeout, &join(path, &["timeout"]), review);
    time(&settings.connect_timeout, &join(path, &["connect_timeout"]), review);
    time(&settings.idle_timeout, &join(path, &["idle_timeout"]), review);
    bounded(&settings.list_ttl, &join(path, &["list_ttl"]), review);
    size(&settings.max_response, &join(path, &["max_response"]), review);
    if let Some(breaker) = &settings.breaker {
        time(&breaker.open, &join(path, &["breaker", "open"]), review);
    }
}

/// The waits of a `retry` block, with what it inherits.
fn waits(
    written: Option<&Retry>,
    inherited: crate::config::resolved::Retry,
    path: &[&str],
    review: &mut Review<'_>,
) {
    let Some(retry) = written else { return };
    time(&retry.base, &join(path, &["retry", "base"]), review);
    time(&retry.max, &join(path, &["retry", "max"]), review);
    let merged = merge_retry(inherited, written);
    if merged.base <= merged.max {
        return;
    }
    let key = if retry.base.is_some() { "base" } else { "max" };
    let path = join(path, &["retry", key]);
    review.add(
        Mistake::new(
            code::OUT_OF_RANGE,
            review.at(&path),
            "the first wait is longer than the longest",
        )
        .label(format!("`base` is {:?}, `max` is {:?}", merged.base, merged.max))
        .help("write a `base` that is not above `max`"),
    );
}

/// A duration that must not be zero.
pub(super) fn time(value: &Time, path: &[&str], review: &mut Review<'_>) {
    if value.as_ref().is_some_and(|value| value.0.is_zero()) {
        refuse(path, "at least `1ms`", review);
    }
    bounded(value, path, review);
}

/// A duration that must not be zero, nor longer than that.
pub(super) fn within(
    value: &Time,
    (longest, written): (Duration, &str),
    path: &[&str],
    review: &mut Review<'_>,
) {
    if value.as_ref().is_some_and(|value| value.0 > longest) {
        refuse(path, &format!("at most `{written}`"), review);
    } else {
        time(value, path, review);
    }
}

/// The time of a whole call.
fn call(value: &Time, path: &[&str], review: &mut Review<'_>) {
    if value.as_ref().is_some_and(|value| value.0 > LONGEST_CALL) {
        refuse(path, "at most `15m`, the longest that the gateway allows a call", review);
    } else {
        time(value, path, review);
    }
}

fn bounded(value: &Time, path: &[&str], review: &mut Review<'_>) {
    if value.as_ref().is_some_and(|value| value.0 > LONGEST) {
        refuse(path, "at most `720h`", review);
    }
}

pub(super) fn size(value: &Bytes, path: &[&str], review: &mut Review<'_>) {
    let Some(Text(Size(bytes))) = value else { return };
    if *bytes == 0 {
        refuse(path, "at least `1B`", review);
    } else if *bytes > LARGEST {
        refuse(path, "at most `1GiB`", review);
    }
}

fn token_size(value: &Bytes, review: &mut Review<'_>) {
    let path = ["limits", "token_bytes"];
    if value.as_ref().is_some_and(|value| value.0.0 > LARGEST_TOKEN) {
        let bound = "at most `48KiB`: the head of a request, token and all, may have 64 KiB";
        refuse(&path, bound, review);
    } else {
        size(value, &path, review);
    }
}

fn refuse(path: &[&str], bound: &str, review: &mut Review<'_>) {
    let key = path.last().copied().unwrap_or_default();
    let message = format!("{} is out of range for `{key}`", quote(review.written(path)));
    review.add(
        Mistake::new(code::OUT_OF_RANGE, review.at(path), message).help(format!("write {bound}")),
    );
}

fn join<'a>(path: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [path, rest].concat()
}
