//! What stands beside the words of an event.
//!
//! In: a turn. Out: metadata that the service takes and can filter by, and the same read back.
//! Never: a word of the conversation; a character or a length that the service refuses.
//!
//! The service takes letters, digits, space and `. _ : / = + @ -`. Any other byte, and `=`, is
//! written as `=` and two hexadecimal digits. What is longer than a value goes on in the next key.
//! A key of KMS that the memory has is for the words; the service does not seal metadata with it.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_bedrockagentcore::types::MetadataValue;
use toolgate_agent_memory::{Session, Turn};

use super::names::unmarked;

/// The longest value.
const LONGEST: usize = 256;
/// Values that the names of tools may fill.
const TOOLS: usize = 6;
/// Values that the name of a session may fill: 256 bytes, each written with three characters.
const SESSION: usize = 3;
/// What an event of an agent is called.
const TURN: &str = "conversation_turn";

type Metadata = HashMap<String, MetadataValue>;

/// What was read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) turn: Option<String>,
    pub(super) model: Option<String>,
    pub(super) took: Option<Duration>,
    pub(super) tools: Vec<String>,
    pub(super) session: Option<Session>,
}

/// The labels of a turn. The session is named where its id does not tell it.
pub(super) fn of(turn: &Turn, name_session: bool) -> Metadata {
    let mut metadata = Metadata::new();
    put(&mut metadata, "type", TURN, 1);
    put(&mut metadata, "turn", &written(&turn.id), 1);
    put(&mut metadata, "model", &written(&turn.model), 1);
    put(&mut metadata, "took_ms", &turn.took.as_millis().to_string(), 1);
    let mut tools = String::new();
    for tool in turn.tools.iter().map(|tool| written(tool).replace(' ', "=20")) {
        if tools.len() + 1 + tool.len() > TOOLS * LONGEST {
            break;
        }
        tools.push_str(if tools.is_empty() { "" } else { " " });
        tools.push_str(&tool);
    }
    put(&mut metadata, "tools", &tools, TOOLS);
    if name_session {
        put(&mut metadata, "session", &written(turn.session.as_str()), SESSION);
    }
    metadata
}

/// Reads labels.
pub(super) fn read(metadata: Option<&Metadata>) -> Labels {
    let Some(metadata) = metadata else { return Labels::default() };
    let whole = |name| get(metadata, name).and_then(|text| unmarked(&text, b'='));
    let took = whole("took_ms").and_then(|took| took.parse().ok());
    let tools = get(metadata, "tools").unwrap_or_default();
    Labels {
        turn: whole("turn"),
        model: whole("model"),
        took: took.map(Duration::from_millis),
        tools: tools.split_ascii_whitespace().filter_map(|word| unmarked(word, b'=')).collect(),
        session: whole("session").and_then(|name| Session::new(&name).ok()),
    }
}

/// Puts a text into at most so many values; one that does not fit is left out.
fn put(metadata: &mut Metadata, name: &str, text: &str, most: usize) {
    if text.is_empty() || text.len() > most * LONGEST {
        return;
    }
    let mut rest = text;
    let mut nth = 1;
    while !rest.is_empty() {
        // All of it is ASCII.
        let (part, more) = rest.split_at(rest.len().min(LONGEST));
        metadata.insert(key(name, nth), MetadataValue::StringValue(part.to_owned()));
        rest = more;
        nth += 1;
    }
}

fn get(metadata: &Metadata, name: &str) -> Option<String> {
    let parts = (1..).map_while(|nth| metadata.get(&key(name, nth))?.as_string_value().ok());
    let text = parts.fold(String::new(), |text, part| text + part);
    Some(text).filter(|text| !text.is_empty())
}

fn key(name: &str, nth: usize) -> String {
    if nth == 1 { name.to_owned() } else { format!("{name}.{nth}") }
}

fn written(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        let fine = matches!(byte, b' ' | b'.' | b'_' | b':' | b'/' | b'+' | b'@' | b'-');
        if fine || byte.is_ascii_alphanumeric() {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("={byte:02x}"));
        }
    }
    written
}

#[cfg(test)]
mod tests {
    //! Labels there and back.

    use std::time::SystemTime;

    use proptest::prelude::*;
    use toolgate_agent_memory::Actor;

    use super::*;

    fn turn(id: &str, model: &str, tools: Vec<String>, session: &str) -> Turn {
        Turn {
            id: id.to_owned(),
            actor: Actor::new("a").unwrap(),
            session: Session::new(session).unwrap(),
            asked: "q".to_owned(),
            answered: "a".to_owned(),
            tools,
            took: Duration::from_millis(1_234),
            model: model.to_owned(),
            at: SystemTime::UNIX_EPOCH,
        }
    }

    fn is_taken(metadata: &Metadata) -> bool {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b" ._:/=+@-".contains(&byte);
        metadata.len() <= 15
            && metadata.values().all(|value| {
                let text = value.as_string_value().unwrap();
                text.len() <= LONGEST && text.bytes().all(fine)
            })
    }

    #[test]
    fn what_is_too_much_is_left_out_in_whole_words() {
        let many: Vec<String> = (0..200).map(|n| format!("target___tool_{n}")).collect();
        let labels = of(&turn("t", &"m".repeat(300), many, &"s".repeat(256)), true);
        assert!(is_taken(&labels), "{labels:?}");
        let read = read(Some(&labels));
        assert_eq!(read.tools.len(), 91);
        assert_eq!(read.tools[90], "target___tool_90");
        assert_eq!((read.model, read.turn.as_deref()), (None, Some("t")));
        assert_eq!(read.session.unwrap().as_str().len(), 256);
    }

    proptest! {
        #[test]
        fn labels_are_taken_and_read_back(
            id in ".{1,60}", model in ".{1,60}", tools in prop::collection::vec(".{1,30}", 0..4),
            session in "[^\\p{Cc}]{1,60}", named: bool,
        ) {
            let turn = turn(&id, &model, tools, &session);
            let labels = of(&turn, named);
            prop_assert!(is_taken(&labels));
            let read = read(Some(&labels));
            if written(&id).len() <= LONGEST {
                prop_assert_eq!(read.turn.as_ref(), Some(&turn.id));
            }
            prop_assert_eq!(&read.tools, &turn.tools);
            prop_assert_eq!(read.took, Some(turn.took));
            prop_assert_eq!(read.session, named.then_some(turn.session));
        }
    }
}
