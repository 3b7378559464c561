//! What the rules say.
//!
//! In: the conversation as it was read. Out: Markdown: quotes, and what this is. Never: words of a tool
//! outside a quote.

use super::recalled::{self, Line};
use super::talk::{Outcome, Talk};
use super::words::{says, words};
use crate::{Input, Tool};

/// Bytes of a result that are quoted.
const QUOTED: usize = 2400;
/// Families that are named.
const FAMILIES: usize = 20;

/// What stands below each answer.
const STAND_IN: &str = "These are rules that stand in for a language model: they choose tools by \
    meaning and quote what they say. For answers that draw conclusions, configure a model.";

const GREETS: &[&str] = &["hi", "hello", "hey", "thanks", "thank", "bye"];
const ABLE: &[&str] = &["can", "could", "able", "help", "do"];

/// An answer that needs no tool.
pub(super) fn without_tools(talk: &Talk<'_>, tools: &[Tool]) -> Option<String> {
    let asked = words(talk.question);
    let first = asked.first().map(|word| word.low.as_str());
    let greets = asked.len() <= 3 && first.is_some_and(|word| GREETS.contains(&word));
    let able = asked.len() <= 6
        && says(&asked, &["you"])
        && says(&asked, ABLE)
        && says(&asked, &["what", "who", "how", "help"]);
    if asked.is_empty() || greets || able {
        return Some(below(&introduced(tools)));
    }
    if recalled::tells(talk.question, &asked) {
        return Some(below("Noted. It is kept in memory if memory is on; ask me for it later."));
    }
    let lines = recalled::answers(talk.question, &asked, &talk.recalled);
    (!lines.is_empty()).then(|| below(&remembered(&lines)))
}

/// What a tool lacks.
pub(super) fn lacks(tool: &str, parameter: &str) -> String {
    let what = parameter.replace('_', " ");
    below(&format!(
        "`{tool}` fits this question and needs a value for `{parameter}`. Which {what}? Name it in \
         your question, such as: {what} \"…\"."
    ))
}

/// No tool fits.
pub(super) fn nothing(talk: &Talk<'_>, tools: &[Tool]) -> String {
    let asked = words(talk.question);
    if let Some(line) = recalled::best(&asked, &talk.recalled) {
        return below(&remembered(&[line]));
    }
    let why = if tools.is_empty() {
        "There are no tools in this turn, and without tools rules know nothing.".to_owned()
    } else {
        format!("None of the {} tools here fits this question. {}", tools.len(), families(tools))
    };
    below(&why)
}

/// What tools have said, each in a quote.
pub(super) fn quoting(talk: &Talk<'_>) -> String {
    if talk.outcomes.is_empty() {
        return below("No more tools may be called in this turn, and none has said anything yet.");
    }
    let told: Vec<String> = talk.outcomes.iter().map(quote).collect();
    below(&told.join("\n\n"))
}

fn quote(outcome: &Outcome<'_>) -> String {
    let name = &outcome.used.name;
    let with = match &outcome.used.input {
        Input::Object(arguments) if !arguments.is_empty() => {
            let given = arguments.iter().map(|(name, value)| format!("{name} = {value}"));
            format!(" ({})", given.collect::<Vec<_>>().join(", ").replace('`', "'"))
        }
        Input::Object(_) | Input::Malformed(_) => String::new(),
    };
    let verb = if outcome.failed { "failed" } else { "says" };
    let end = outcome.text.floor_char_boundary(QUOTED);
    let (kept, rest) = outcome.text.split_at_checked(end).unwrap_or((outcome.text, ""));
    let more = if rest.is_empty() { "" } else { "\n…" };
    // A fence that the text cannot close.
    let fence = "`".repeat(longest_run(kept).max(2) + 1);
    format!("`{name}`{with} {verb}:\n\n{fence}\n{kept}{more}\n{fence}")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn remembered(lines: &[Line<'_>]) -> String {
    let lines = lines.iter().map(|line| {
        let day = line.day.map(|day| format!(" ({day})")).unwrap_or_default();
        format!("> {}{day}", line.text.replace('\n', " "))
    });
    format!("You told me:\n\n{}", lines.collect::<Vec<_>>().join("\n>\n"))
}

fn introduced(tools: &[Tool]) -> String {
    if tools.is_empty() {
        return "Hello. There are no tools in this turn.".to_owned();
    }
    format!("Hello. {} Ask in your own words; name things as they are called.", families(tools))
}

/// The families of tools, by their prefix.
fn families(tools: &[Tool]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for tool in tools {
        let family = tool.name.split_once("___").map_or("others", |(family, _)| family);
        match counts.iter_mut().find(|(name, _)| *name == family) {
            Some((_, count)) => *count += 1,
            None => counts.push((family, 1)),
        }
    }
    let named = counts.iter().take(FAMILIES).map(|(name, count)| format!("`{name}` ({count})"));
    format!("There are tools of: {}.", named.collect::<Vec<_>>().join(", "))
}

fn below(answer: &str) -> String {
    format!("{answer}\n\n*{STAND_IN}*")
}
