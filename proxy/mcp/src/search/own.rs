//! The gateway's own two tools: what they are called, what they say of themselves, what they are given.
//!
//! Enters: their calls. Leaves: a question, or the call that is meant. Never: an argument of which
//! nobody knows what it is for.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{Frame, Hint, Kind, Plan, RawJson, RetryPlan, Server, Span};

use super::Search;

/// The tool that finds others, as Amazon Bedrock AgentCore Gateway calls it: its clients look for that.
pub const SEARCH: &str = "x_amz_bedrock_agentcore_search";

/// The tool that calls what was found, where nothing else is on the list. AgentCore has none, and its
/// prefix is not ours to give away.
pub const CALL: &str = "toolgate_call_tool";

/// Whose they are. No target can be called that.
pub(crate) const OWN: &str = "_toolgate";

/// The longest question, in bytes.
const QUESTION: usize = 2048;

const SEARCH_TOOL: &str = r#"{"name":"x_amz_bedrock_agentcore_search","title":"Search tools","description":"Finds tools by what they are for: returns the definitions of the up to ten tools that fit best what you want to do. Say it in your own words. A tool that was found can be called.","inputSchema":{"type":"object","properties":{"query":{"type":"string","minLength":1,"maxLength":2048,"description":"What you want to do, in everyday words."}},"required":["query"],"additionalProperties":false},"outputSchema":{"type":"object","properties":{"tools":{"type":"array","items":{"type":"object"}}},"required":["tools"]},"annotations":{"readOnlyHint":true,"openWorldHint":false}}"#;

const CALL_TOOL: &str = r#"{"name":"toolgate_call_tool","title":"Call a tool","description":"Calls a tool that x_amz_bedrock_agentcore_search has found, by its name, with arguments that fit its inputSchema. The result is that tool's.","inputSchema":{"type":"object","properties":{"name":{"type":"string","minLength":1,"description":"The name of the tool."},"arguments":{"type":"object","description":"Its arguments."}},"required":["name"],"additionalProperties":false}}"#;

/// A tool of the gateway's own.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) name: &'static str,
    pub(crate) raw: RawJson,
    pub(crate) plan: Arc<Plan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meant<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

// === impl Own ===

impl Own {
    /// Those that are published so at a server.
    pub(crate) fn of(search: Search, server: Option<&Server>) -> Vec<Self> {
        let own = |name, definition| {
            let plan = Arc::new(plan(name, server));
            Self { name, raw: RawJson::literal(definition), plan }
        };
        match search {
            Search::Off => Vec::new(),
            Search::Beside => vec![own(SEARCH, SEARCH_TOOL)],
            Search::Only => vec![own(SEARCH, SEARCH_TOOL), own(CALL, CALL_TOOL)],
        }
    }
}

/// Who may come in may search: what is found is what may be called. Policies may say otherwise.
fn plan(name: &str, server: Option<&Server>) -> Plan {
    let retry =
        RetryPlan { attempts: 1, base: Duration::ZERO, multiplier: 1.0, max: Duration::ZERO };
    Plan {
        kind: Kind::Tool,
        target: Arc::from(OWN),
        name: Arc::from(name),
        full: Arc::from(name),
        server: server.map(|server| Arc::clone(&server.name)),
        scopes: server.map(|server| server.scopes.clone()).unwrap_or_default(),
        read_only: if name == SEARCH { Hint::Yes } else { Hint::Unknown },
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(30),
        retry,
        concurrency: None,
        quarantined: false,
        definition: None,
    }
}

/// Whether something is the gateway's own.
pub(crate) fn is_own(plan: &Plan) -> bool {
    *plan.target == *OWN
}

/// What is looked for.
pub(super) fn question(frame: &Frame) -> Result<String, &'static str> {
    let arguments = frame.arguments().unwrap_or(b"{}");
    let asked: Asked<'_> = serde_json::from_slice(arguments)
        .map_err(|_| "the arguments must be `query`, a text, and nothing else")?;
    match asked.query.trim() {
        "" => Err("`query` is empty: say in a few words what you want to do"),
        query if query.len() > QUESTION => {
            Err("`query` is longer than 2,048 bytes: a sentence will do")
        }
        query => Ok(query.to_owned()),
    }
}

/// The name of the tool that is meant, and the body as if it had been called by that.
pub(super) fn meant(frame: &Frame) -> Option<(String, Frame)> {
    let whole = frame.slice(Span { start: 0, end: frame.len() })?;
    let meant: Meant<'_> = serde_json::from_slice(frame.arguments()?).ok()?;
    let name: String = serde_json::from_str(meant.name.get()).ok()?;
    let arguments = meant.arguments.map(RawValue::get);
    if name == CALL || arguments.is_some_and(|given| !given.starts_with('{')) {
        return None;
    }
    let arguments = match arguments {
        Some(given) => Some(Span::within(whole, given)?),
        None => None,
    };
    Some((name, frame.meant(Span::within(whole, meant.name.get())?, arguments)?))
}

#[cfg(test)]
mod tests {
    //! What the two are given.

    use serde_json::Value;
    use toolgate_call::{Frame, FrameParts, MetaEdit, Rewrite, Span};

    use super::{CALL, CALL_TOOL, SEARCH, SEARCH_TOOL, meant, question};

    fn frame(name: &str, arguments: &str) -> Frame {
        let name = format!("\"{name}\"");
        let pieces = [
            r#"{"jsonrpc":"2.0","id":"#,
            "7",
            r#","method":"tools/call","params":{"arguments":"#,
            arguments,
            r#","name":"#,
            &name,
            r#","_meta":"#,
            r#"{"a":1}"#,
            r#","x":[2]}}"#,
        ];
        let place = |at: usize| {
            let start = pieces.iter().take(at).map(|piece| piece.len()).sum::<usize>();
            Some(Span { start, end: start + pieces[at].len() })
        };
        let (id, arguments, name, meta) = (place(1), place(3), place(5), place(7));
        let parts =
            FrameParts { id, name, arguments, member: arguments, meta, ..FrameParts::default() };
        Frame::new(pieces.concat().into(), parts)
    }

    #[test]
    fn what_the_definitions_say_is_json_and_their_names() {
        for (name, definition) in [(SEARCH, SEARCH_TOOL), (CALL, CALL_TOOL)] {
            let read: Value = serde_json::from_str(definition).unwrap();
            assert_eq!(read["name"], name);
        }
    }

    #[test]
    fn a_question_is_a_text_and_nothing_else() {
        let ask = |arguments: &str| question(&frame(SEARCH, arguments));
        assert_eq!(ask(r#"{"query":" what\u0020now "}"#).as_deref(), Ok("what now"));
        let long = format!(r#"{{"query":"{}"}}"#, "a".repeat(2049));
        for bad in ["{}", r#"{"query":1}"#, r#"{"query":""}"#, r#"{"query":"a","k":1}"#, &*long] {
            assert!(ask(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_call_that_is_meant_is_the_one_that_would_have_been_sent() {
        let inner = r#"{"name":"cl\u006fck___now","arguments":{"zone":"UTC"}}"#;
        let (name, meant) = meant(&frame(CALL, inner)).unwrap();
        assert_eq!(name, "clock___now");
        assert_eq!(meant.arguments(), Some(&br#"{"zone":"UTC"}"#[..]));
        let change = Rewrite {
            id: "8",
            name: Some("now"),
            meta: MetaEdit::Prepend("\"b\":2"),
            traceparent: None,
            more: Some("\"y\":3"),
        };
        let sent: Value = serde_json::from_slice(&meant.rewrite(&change)).unwrap();
        let expected = r#"{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"arguments":{"zone":"UTC"},"y":3,"name":"now","_meta":{"b":2,"a":1},"x":[2]}}"#;
        assert_eq!(sent.to_string(), expected);
    }

    #[test]
    fn without_arguments_there_are_none_and_what_means_nothing_is_left() {
        let (_, none) = meant(&frame(CALL, r#"{"name":"a"}"#)).unwrap();
        assert_eq!(none.arguments(), Some(&b"{}"[..]));
        let itself = r#"{"name":"toolgate_call_tool","arguments":{"name":"a"}}"#;
        let list = r#"{"name":"a","arguments":[]}"#;
        for bad in ["{}", itself, r#"{"name":1}"#, list, r#"{"name":"a","n":1}"#] {
            assert!(meant(&frame(CALL, bad)).is_none(), "{bad}");
        }
    }
}
