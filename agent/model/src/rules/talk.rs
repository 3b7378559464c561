//! The conversation, as rules read it.
//!
//! In: messages. Out: the question, what is remembered, what tools have said since. Never: a tool's
//! words taken for the user's.

use crate::asked::apart;
use crate::{Message, ToolUse};

/// What is known when an answer is due.
#[derive(Debug, Default)]
pub(super) struct Talk<'a> {
    /// The user's last words.
    pub(super) question: &'a str,
    /// What is remembered of the user, the best first.
    pub(super) recalled: Vec<&'a str>,
    /// What tools have said since.
    pub(super) outcomes: Vec<Outcome<'a>>,
    /// How often tools were asked since.
    pub(super) rounds: usize,
    /// The question and the answer before.
    pub(super) before: Option<(&'a str, &'a str)>,
    /// How many tools were asked in the whole conversation.
    pub(super) uses: usize,
}

/// What a tool said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome<'a> {
    pub(super) used: &'a ToolUse,
    pub(super) text: &'a str,
    pub(super) failed: bool,
}

// === impl Talk ===

impl<'a> Talk<'a> {
    /// Reads a conversation.
    pub(super) fn read(messages: &'a [Message]) -> Self {
        let mut talk = Self::default();
        let mut asked: &'a [ToolUse] = &[];
        for message in messages {
            match message {
                Message::User(text) => talk.user(text),
                Message::Agent(said) => {
                    asked = &said.uses;
                    talk.uses += asked.len();
                    if asked.is_empty() {
                        talk.before = Some((talk.question, &said.text));
                    }
                }
                Message::Results(results) => {
                    talk.rounds += 1;
                    talk.outcomes.extend(results.iter().filter_map(|result| {
                        let used = asked.iter().find(|used| used.id == result.id)?;
                        Some(Outcome { used, text: inside(&result.text), failed: result.failed })
                    }));
                }
            }
        }
        talk
    }

    fn user(&mut self, text: &'a str) {
        let (recalled, question) = apart(text);
        self.recalled = recalled.lines().filter_map(|line| line.strip_prefix("- ")).collect();
        self.question = question.trim();
        self.outcomes.clear();
        self.rounds = 0;
    }
}

/// What a tool said, without the marks around it.
fn inside(text: &str) -> &str {
    let open = text.strip_prefix("<tool_output").and_then(|rest| rest.split_once('\n'));
    let Some((_, rest)) = open else { return text.trim() };
    let rest = rest.trim_end();
    rest.strip_suffix("</tool_output>").unwrap_or(rest).trim()
}

#[cfg(test)]
mod tests {
    //! Who said what.

    use super::*;
    use crate::{Input, Said, ToolResult};

    #[test]
    fn marks_are_taken_off_and_rounds_counted() {
        let used = ToolUse {
            id: "1".to_owned(),
            name: "t".to_owned(),
            input: Input::Object(serde_json::Map::new()),
        };
        let result = ToolResult {
            id: "1".to_owned(),
            text: "<tool_output tool=\"t\" untrusted=\"true\">\na\nb\n</tool_output>".to_owned(),
            failed: true,
        };
        let messages = [
            Message::User("first".to_owned()),
            Message::Agent(Said { text: "done".to_owned(), uses: vec![] }),
            Message::User(
                "<recalled untrusted=\"true\">\n- [semantic, 2026-01-01] x\n</recalled>\n\nwhy?"
                    .to_owned(),
            ),
            Message::Agent(Said { text: String::new(), uses: vec![used] }),
            Message::Results(vec![result]),
        ];
        let talk = Talk::read(&messages);
        assert_eq!(talk.question, "why?");
        assert_eq!(talk.recalled, ["[semantic, 2026-01-01] x"]);
        assert_eq!(talk.before, Some(("first", "done")));
        assert_eq!((talk.rounds, talk.uses), (1, 1));
        let [outcome] = talk.outcomes.as_slice() else { panic!("{talk:?}") };
        assert_eq!((outcome.text, outcome.failed, outcome.used.name.as_str()), ("a\nb", true, "t"));
    }
}
