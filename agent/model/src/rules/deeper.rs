//! One look deeper.
//!
//! In: what tools have said. Out: the tool that explains one thing of it, if the question asks why and
//! there is such a tool at the same target. Never: a third round.

use serde_json::{Map, Value};

use super::fill::parameters;
use super::risky;
use super::talk::{Outcome, Talk};
use super::words::{parts, says, words};
use crate::Tool;

/// Words of a question that wants a cause.
const WHY: &[&str] = &[
    "why", "explain", "cause", "slow", "slower", "slowest", "broke", "broken", "wrong", "fail",
    "fails", "failed", "failing", "down", "happened",
];
/// How tools that explain are called.
const EXPLAINS: &[&str] = &["explain", "describe", "diagnose"];
/// The shortest text that can be an id.
const ID: usize = 6;

/// The call that looks deeper.
pub(super) fn next(talk: &Talk<'_>, tools: &[Tool]) -> Option<(String, Map<String, Value>)> {
    if talk.rounds != 1 || !says(&words(talk.question), WHY) {
        return None;
    }
    let asked = words(talk.question);
    let good = talk.outcomes.iter().filter(|outcome| !outcome.failed);
    good.filter_map(|outcome| {
        let beside = tools.iter().filter(|tool| explains(tool, outcome));
        let mut beside = beside.filter(|tool| risky::may_choose(&tool.name, &asked));
        beside.find_map(|tool| {
            let parameter = only(tool)?;
            let value = value_of(outcome.text, parameter)?;
            let arguments = Map::from_iter([(parameter.to_owned(), Value::from(value))]);
            Some((tool.name.clone(), arguments))
        })
    })
    .next()
}

/// A tool of the same target that explains.
fn explains(tool: &Tool, outcome: &Outcome<'_>) -> bool {
    let Some((target, own)) = tool.name.split_once("___") else { return false };
    let of_target = outcome.used.name.split_once("___").is_some_and(|(of, _)| of == target);
    of_target
        && tool.name != outcome.used.name
        && parts(own).first().is_some_and(|verb| EXPLAINS.contains(&verb.as_str()))
}

/// The only parameter that has to be given.
fn only(tool: &Tool) -> Option<&str> {
    let required = tool.schema.get("required")?.as_array()?;
    let [only] = required.as_slice() else { return None };
    let name = only.as_str()?;
    parameters(&tool.schema).any(|(one, _)| one == name).then_some(name)
}

/// The first value that a text gives under that name: `request_id: x`, `"request_id":"x"`,
/// `(request x)`.
fn value_of<'a>(text: &'a str, parameter: &str) -> Option<&'a str> {
    let short = parts(parameter).into_iter().next()?;
    [parameter, &short].into_iter().find_map(|name| {
        text.match_indices(name).find_map(|(at, _)| {
            let rest = text.get(at + name.len()..)?;
            let value = rest.trim_start_matches(['"', '\'', '`', ':', '=', ' ']);
            // Something has to stand between the name and the value.
            if value.len() == rest.len() {
                return None;
            }
            let end = value.find(|letter: char| !is_of_id(letter)).unwrap_or(value.len());
            let value = value.get(..end)?;
            let tells = value.len() >= ID && value.bytes().any(|byte| byte.is_ascii_digit());
            tells.then_some(value)
        })
    })
}

fn is_of_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-_".contains(letter)
}

#[cfg(test)]
mod tests {
    //! Where ids stand.

    use super::value_of;

    #[test]
    fn an_id_is_found_however_it_is_written() {
        for text in [
            "3 calls (request 0f3a-77 took 5 s), request 9999-1",
            r#"{"request_id":"0f3a-77"}"#,
            "the request_id: 0f3a-77.",
        ] {
            assert_eq!(value_of(text, "request_id"), Some("0f3a-77"), "{text}");
        }
        assert_eq!(value_of("requests waited long", "request_id"), None);
        assert_eq!(value_of("request timed-out", "request_id"), None);
    }
}
