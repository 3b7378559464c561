//! What the user wants.
//!
//! In: a sentence. Out: a preference, if it is one. Never: a wish for this once: "I would like to
//! know" wants nothing that lasts.

use super::Found;
use super::phrase::Phrase;
use super::topic::topic;
use crate::Namespace;

/// What a person does with what they like better.
const PREFER: &[&str] = &["prefer", "favor", "favour", "dislike", "hate", "love", "like", "enjoy"];

/// Words between a person and what they do.
const HOW: &[&str] = &[
    "really",
    "usually",
    "always",
    "generally",
    "much",
    "strongly",
    "normally",
    "mostly",
    "now",
    "actually",
    "would",
    "do",
    "still",
    "also",
    "definitely",
    "only",
    "never",
    "typically",
    "both",
    "all",
    "personally",
];

/// What an assistant does with words: what is asked of it there lasts.
const SPEAKS: &[&str] = &[
    "answer", "reply", "respond", "speak", "talk", "write", "address", "format", "phrase", "word",
];

/// What an assistant does: it lasts if it is asked for always.
const DOES: &[&str] = &[
    "show",
    "give",
    "use",
    "include",
    "add",
    "list",
    "explain",
    "summarize",
    "summarise",
    "start",
    "begin",
    "end",
    "put",
    "skip",
    "send",
    "run",
    "check",
    "ask",
    "tell",
    "mention",
    "quote",
    "link",
    "cite",
    "round",
    "convert",
    "print",
    "assume",
    "suggest",
    "propose",
    "default",
    "group",
    "sort",
    "lead",
    "warn",
    "wait",
    "leave",
    "spell",
    "notify",
    "page",
    "ping",
    "confirm",
    "avoid",
    "stop",
    "report",
    "draw",
    "render",
];

/// What follows "don't" and is no wish.
const NO_WISH: &[&str] =
    &["worry", "know", "get", "mind", "think", "see", "understand", "bother", "care", "panic"];

/// Reads a sentence.
pub(super) fn read(phrase: &Phrase) -> Option<Found> {
    let wanted = name(phrase)
        .or_else(|| instead(phrase))
        .or_else(|| favourite(phrase))
        .or_else(|| liked(phrase))
        .or_else(|| style(phrase))
        .or_else(|| command(phrase))
        .or_else(|| habit(phrase))?;
    Some(Found { namespace: Namespace::Preferences, ..wanted })
}

fn found(phrase: &Phrase, subject: Option<String>, replaces: Vec<String>) -> Found {
    let subject = subject.or_else(|| topic(phrase));
    Found { namespace: Namespace::Preferences, subject, replaces }
}

/// `call me Kim`.
fn name(phrase: &Phrase) -> Option<Found> {
    let ways = ["call me", "address me as", "my name is", "name's", "i go by", "refer to me as"];
    phrase.begins_with(&ways)?;
    let other = phrase.word(2);
    // "call me back", "call me when it is done"
    let is_time =
        matches!(other, "back" | "when" | "if" | "at" | "on" | "after" | "once" | "later");
    (!is_time).then(|| found(phrase, Some("name".to_owned()), Vec::new()))
}

/// `use X instead of Y`, `I use X rather than Y`.
fn instead(phrase: &Phrase) -> Option<Found> {
    if phrase.asks && !phrase.wished {
        return None;
    }
    let begins =
        ["use", "i use", "we use", "i'd use", "pick", "choose", "take", "i prefer", "prefer"];
    phrase.begins_with(&begins).or_else(|| phrase.begins_with(SPEAKS))?;
    let ways = ["instead of", "rather than", "in place of", "and not", "not", "over"];
    let (_, end) = ways.iter().find_map(|words| phrase.find(words))?;
    Some(found(phrase, None, phrase.named(end)))
}

/// `my favourite X is Y`.
fn favourite(phrase: &Phrase) -> Option<Found> {
    let whose = phrase.begins_with(&["my", "our"])?;
    let kinds = ["favorite", "favourite", "preferred", "default", "preference", "usual"];
    let kind = phrase.word(whose);
    if phrase.asks || !kinds.contains(&kind) {
        return None;
    }
    let (is, _) = ["is", "are", "for"].iter().find_map(|word| phrase.find(word))?;
    let of = phrase.stems(whose + 1, is).join(" ");
    let subject = (!of.is_empty()).then(|| format!("favourite {of}"));
    Some(found(phrase, topic(phrase).or(subject), Vec::new()))
}

/// `I prefer X`, `we like Y for Z`.
fn liked(phrase: &Phrase) -> Option<Found> {
    let mut at = phrase.begins_with(&["i", "we", "i'd", "we'd", "my team", "the team", "i'm"])?;
    let would = matches!(phrase.word(0), "i'd" | "we'd") || phrase.word(at) == "would";
    while HOW.contains(&phrase.word(at)) {
        at += 1;
    }
    if phrase.asks {
        return None;
    }
    if phrase.word(at) == "rather" && would || phrase.continues(at, "can't stand").is_some() {
        return Some(found(phrase, None, Vec::new()));
    }
    let negated = matches!(phrase.word(at), "don't" | "no" | "cannot" | "can't");
    let verb = at + usize::from(negated) + usize::from(phrase.word(at + 1) == "longer");
    let verb = verb + usize::from(phrase.word(verb) == "really");
    let word = phrase.word(verb);
    if word == "want" && (phrase.standing || negated) || word == "need" && phrase.standing {
        return Some(found(phrase, None, Vec::new()));
    }
    let ended = phrase.holds(&["anymore", "longer"]);
    let once = would && !matches!(word, "prefer") && !phrase.standing;
    let pointing = matches!(phrase.word(verb + 1), "that" | "this" | "it") && word == "like";
    if !PREFER.contains(&word) || once || pointing {
        return None;
    }
    let over = ["over", "to", "instead of", "rather than"];
    let over = over.iter().find_map(|words| phrase.find(words)).map(|(_, end)| end);
    let replaced = match over {
        Some(end) => phrase.named(end),
        None if ended => phrase.named(verb + 1),
        None => Vec::new(),
    };
    Some(found(phrase, None, replaced))
}

/// `keep answers short`, `answer in German`, `be brief`.
fn style(phrase: &Phrase) -> Option<Found> {
    if phrase.asks && !phrase.wished {
        return None;
    }
    let at = usize::from(phrase.word(0) == "always" || phrase.word(0) == "only");
    let speaks = SPEAKS.contains(&phrase.word(at));
    let how = ["in", "with", "as", "like", "briefly", "shortly", "only", "using", "without", "me"];
    let lasting = phrase.standing
        || phrase.words().iter().skip(at + 1).any(|word| how.contains(&word.as_str()));
    let keeps = ["keep", "make"].contains(&phrase.word(at))
        && phrase.holds(&[
            "answers",
            "answer",
            "replies",
            "responses",
            "explanations",
            "it",
            "things",
            "summaries",
            "reports",
        ])
        && topic(phrase).is_some();
    let is = phrase.continues(at, "be").is_some() && topic(phrase).is_some();
    let no_more =
        phrase.begins_with(&["no more", "less", "no"]).is_some() && topic(phrase).is_some();
    (speaks && lasting || keeps || is || no_more).then(|| found(phrase, None, Vec::new()))
}

/// `don't use X`, `always show Y`, `never restart Z`.
fn command(phrase: &Phrase) -> Option<Found> {
    if phrase.asks && !phrase.wished {
        return None;
    }
    let first = phrase.word(0);
    let second = phrase.word(1);
    let forbids =
        matches!(first, "don't" | "never" | "avoid" | "stop") || phrase.begins("do not").is_some();
    let verb = if phrase.begins("do not").is_some() { phrase.word(2) } else { second };
    if forbids && !NO_WISH.contains(&verb) && !verb.is_empty() {
        return Some(found(phrase, None, Vec::new()));
    }
    let asked = first == "always" || phrase.standing && DOES.contains(&first);
    let when =
        phrase.begins_with(&["whenever", "every time", "each time", "when i ask", "when you"]);
    let then = phrase
        .words()
        .iter()
        .any(|word| DOES.contains(&word.as_str()) || SPEAKS.contains(&word.as_str()));
    (asked && !second.is_empty() || when.is_some() && then).then(|| found(phrase, None, Vec::new()))
}

/// `I always use X for Y`, `I switched from A to B`.
fn habit(phrase: &Phrase) -> Option<Found> {
    let mut at = phrase.begins_with(&["i", "i've", "i'm"])?;
    if phrase.asks {
        return None;
    }
    while HOW.contains(&phrase.word(at)) || matches!(phrase.word(at), "have" | "just") {
        at += 1;
    }
    let verb = phrase.word(at);
    let switched = matches!(verb, "switched" | "moved" | "changed" | "migrated" | "switching");
    let used = matches!(
        verb,
        "use" | "write" | "drink" | "eat" | "wear" | "go" | "work" | "using" | "type"
    );
    let ended = matches!(verb, "stopped" | "quit" | "dropped" | "gave")
        || phrase.begins("i no longer").is_some();
    if switched {
        let from = phrase.find("from").map(|(_, end)| phrase.named(end)).unwrap_or_default();
        return Some(found(phrase, None, from));
    }
    if ended {
        let what = phrase.named(at + 1).into_iter().filter(|word| word != "us" && word != "using");
        return Some(found(phrase, None, what.collect()));
    }
    let usual = phrase.holds(&["always", "usually", "normally", "mostly", "typically"]);
    (used && usual).then(|| found(phrase, None, Vec::new()))
}
