//! What is so.
//!
//! In: a sentence. Out: a fact, if it is one. Never: a question; what is so only for the moment
//! ("the API is down"), unless one is asked to remember it.

use super::Found;
use super::phrase::Phrase;
use crate::Namespace;

/// Most words of what a sentence is about.
const SUBJECT: usize = 8;

/// What is said of a thing, and what that is about.
const SAYS: &[(&str, &str)] = &[
    ("is called", "name"),
    ("are called", "name"),
    ("is named", "name"),
    ("goes by", "name"),
    ("is owned by", "owner"),
    ("are owned by", "owner"),
    ("belongs to", "owner"),
    ("is maintained by", "owner"),
    ("is managed by", "owner"),
    ("is run by", "owner"),
    ("is hosted", "place"),
    ("are hosted", "place"),
    ("is deployed", "place"),
    ("are deployed", "place"),
    ("is located", "place"),
    ("is stored", "place"),
    ("are stored", "place"),
    ("is kept", "place"),
    ("are kept", "place"),
    ("is on", "place"),
    ("is in", "place"),
    ("is at", "place"),
    ("are in", "place"),
    ("are on", "place"),
    ("are at", "place"),
    ("runs", "place"),
    ("run", "place"),
    ("lives", "place"),
    ("live", "place"),
    ("sits", "place"),
    ("moved", "place"),
    ("listens", "place"),
    ("points", "place"),
    ("go", "place"),
    ("goes", "place"),
    ("happens", "time"),
    ("happen", "time"),
    ("starts", "time"),
    ("start", "time"),
    ("begins", "time"),
    ("expires", "time"),
    ("uses", "uses"),
    ("use", "uses"),
    ("depends", "needs"),
    ("needs", "needs"),
    ("requires", "needs"),
    ("takes", "takes"),
    ("has", "has"),
    ("have", "has"),
    ("handles", "does"),
    ("serves", "does"),
    ("writes", "does"),
    ("reads", "does"),
    ("means", "is"),
    ("is", "is"),
    ("are", "is"),
    ("was", "was"),
    ("were", "was"),
];

/// What people do with a thing that is another thing then.
const CHANGES: &[(&str, &str)] = &[
    ("moved", "place"),
    ("migrated", "place"),
    ("relocated", "place"),
    ("switched", "changed"),
    ("changed", "changed"),
    ("upgraded", "changed"),
    ("renamed", "changed"),
    ("replaced", "changed"),
    ("bumped", "changed"),
];

/// What is said of ourselves.
const OURSELVES: &[&str] = &[
    "use", "run", "deploy", "host", "have", "own", "maintain", "manage", "work", "live", "support",
    "keep", "store", "release", "ship", "pay", "rely", "operate", "freeze", "rotate", "back",
    "page", "are", "am", "build", "sit", "report", "lead", "rent", "hold", "meet",
];

/// What passes.
const PASSING: &[&str] = &[
    "down",
    "failing",
    "slow",
    "slower",
    "broken",
    "stuck",
    "red",
    "unhealthy",
    "pending",
    "back",
    "degraded",
    "throttled",
    "flapping",
    "crashing",
    "hanging",
    "here",
    "there",
    "wrong",
    "fine",
    "ok",
    "okay",
    "good",
    "bad",
    "not",
    "still",
    "getting",
    "happening",
    "up",
    "timing",
    "really",
    "very",
    "too",
    "so",
    "looking",
    "trying",
    "having",
    "seeing",
    "done",
    "gone",
    "right",
    "sure",
];

/// Reads a sentence.
pub(super) fn read(phrase: &Phrase) -> Option<Found> {
    if phrase.asks {
        return None;
    }
    change(phrase).or_else(|| ourselves(phrase)).or_else(|| stated(phrase)).or_else(|| {
        // Who asks to remember something has said what it is.
        (phrase.told && phrase.words().len() > 1).then(|| fact(None, Vec::new()))
    })
}

fn fact(subject: Option<String>, replaces: Vec<String>) -> Found {
    Found { namespace: Namespace::Semantic, subject, replaces }
}

/// `we moved X from A to B`, `X was renamed to Y`.
fn change(phrase: &Phrase) -> Option<Found> {
    let at = phrase
        .begins_with(&["we've", "we have", "we", "i've", "i have", "i", "they", "the team"])?;
    let at = at + usize::from(matches!(phrase.word(at), "just" | "recently" | "finally" | "now"));
    let (_, about) = CHANGES.iter().find(|(verb, _)| phrase.word(at) == *verb)?;
    let ends = ["from", "to", "with", "by"];
    let end = ends.iter().filter_map(|word| phrase.find(word)).map(|(at, _)| at).min();
    let what = phrase.stems(at + 1, end.unwrap_or(phrase.words().len())).join(" ");
    let subject = (!what.is_empty()).then(|| format!("{about} of {what}"));
    let from = phrase.find("from").map(|(_, end)| phrase.named(end)).unwrap_or_default();
    Some(fact(subject, from))
}

/// `we use X for Y`, `I work at Z`.
fn ourselves(phrase: &Phrase) -> Option<Found> {
    let mut at =
        phrase.begins_with(&["i", "we", "i'm", "we're", "my team", "our team", "our company"])?;
    let is = matches!(phrase.word(0), "i'm" | "we're");
    while matches!(
        phrase.word(at),
        "now" | "currently" | "only" | "all" | "always" | "also" | "mostly" | "still"
    ) {
        at += 1;
    }
    let verb = phrase.word(at);
    let says = is || OURSELVES.contains(&verb.trim_end_matches('s')) || OURSELVES.contains(&verb);
    let after = if is { verb } else { phrase.word(at + 1) };
    let passes = PASSING.contains(&after)
        || after.ends_with("ing") && !matches!(after, "using" | "running" | "being");
    if !says || passes && !phrase.told {
        return None;
    }
    let purpose = phrase.find("for").map(|(_, end)| phrase.named(end).join(" "));
    let purpose = purpose.filter(|purpose| !purpose.is_empty());
    let verb = if is { "are" } else { verb };
    Some(fact(purpose.map(|purpose| format!("we {verb} for {purpose}")), Vec::new()))
}

/// `the staging cluster is called X`, `checkout-api runs in eu-west-1`.
fn stated(phrase: &Phrase) -> Option<Found> {
    let first = phrase.word(0);
    let begins = matches!(first, "my" | "our" | "the" | "your" | "all" | "every" | "each");
    let named =
        first.contains(['-', '_', '/', '.']) || first.chars().any(|letter| letter.is_ascii_digit());
    if !(begins || named || phrase.told) {
        return None;
    }
    let (at, end, about) = verb(phrase)?;
    let said = (end..end + 2)
        .map(|at| phrase.word(at))
        .find(|word| !matches!(*word, "now" | "currently" | "always"));
    let said = said.unwrap_or_default();
    if !phrase.told && (PASSING.contains(&said) || said.is_empty() || about == "was") {
        return None;
    }
    let subject = phrase.stems(usize::from(begins), at).join(" ");
    Some(fact((!subject.is_empty()).then(|| format!("{about} of {subject}")), Vec::new()))
}

/// The first verb that says something of what comes before it.
fn verb(phrase: &Phrase) -> Option<(usize, usize, &'static str)> {
    let places = 1..phrase.words().len().min(SUBJECT + 2);
    places.into_iter().find_map(|at| {
        let skip = at + usize::from(matches!(phrase.word(at), "now" | "currently" | "always"));
        let found =
            SAYS.iter().find_map(|(says, about)| Some((phrase.continues(skip, says)?, *about)));
        // "is now called"
        let (end, about) = found?;
        let later = phrase.word(end) == "now";
        let after = SAYS.iter().filter(|_| later).find_map(|(says, about)| {
            let last = says.strip_prefix("is ")?;
            Some((phrase.continues(end + 1, last)?, *about))
        });
        let (end, about) = after.unwrap_or((end, about));
        Some((at, end, about))
    })
}

/// Whether a later fact about one thing says that an earlier one about it holds no more.
pub(in crate::local) fn supersedes(later: &str, earlier: &str) -> bool {
    if later == earlier {
        return true;
    }
    let (Some((new, of)), Some((old, was_of))) =
        (later.split_once(" of "), earlier.split_once(" of "))
    else {
        return false;
    };
    of == was_of
        && (new == "changed"
            || old == "changed"
            || new == "is" && old == "name"
            || new == "name" && old == "is")
}
