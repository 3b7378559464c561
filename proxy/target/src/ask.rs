//! What a target of the older era asks in the middle of a call.
//!
//! Enters: a request of the target's, and what the caller can do. Leaves: a question for the caller,
//! or the answer that refuses it; and in the end the message that answers it. Never: a question
//! that the caller has not declared it can be asked; never one without an answer.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{Abilities, AskKind, Question, RawJson, Respond, Said};
use toolgate_telemetry::{QuestionEnd, Telemetry};

/// A request of a target's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// The target's id of it.
    pub(crate) id: &'a RawJson,
    /// Its method.
    pub(crate) method: &'a str,
    /// The whole message.
    pub(crate) raw: &'a RawJson,
}

/// Why a question is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No client is asked such a thing.
    Unknown,
    /// The client has not declared that it can do what this needs.
    Undeclared(Abilities),
    /// It belongs to no call, or to one of several.
    Ambiguous,
    /// Too many are open.
    Overloaded,
}

const METHOD_NOT_FOUND: i32 = -32601;
const INTERNAL: i32 = -32603;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

// === impl Request ===

impl Request<'_> {
    /// What it asks, and its `params`; `None` if no client is asked such a thing.
    pub(crate) fn asks(&self) -> Option<(AskKind, RawJson)> {
        let message: Message<'_> = self.raw.parse().ok()?;
        let object = message.params.filter(|params| params.get().starts_with('{'));
        let params = object.map(|params| RawJson::borrowed(self.raw.bytes(), params));
        let params = params.unwrap_or(RawJson::literal("{}"));
        Some((AskKind::of(self.method, &params)?, params))
    }

    /// The question, for a caller who can do so much.
    pub(crate) fn question(
        &self,
        abilities: Abilities,
        telemetry: &Arc<Telemetry>,
        send: impl FnOnce(Bytes, &Said) + Send + 'static,
    ) -> Result<Question, Refused> {
        let (kind, params) = self.asks().ok_or(Refused::Unknown)?;
        let needs = kind.needs(&params);
        if !abilities.has(needs) {
            return Err(Refused::Undeclared(needs));
        }
        let (id, telemetry) = (self.id.clone(), Arc::clone(telemetry));
        let respond = Respond::new(move |said| {
            telemetry.gateway.question(kind, QuestionEnd::of(&said));
            send(answer(&id, &said), &said);
        });
        Ok(Question { kind, params, respond })
    }

    /// The message that refuses it. Counted, if it is a question at all.
    pub(crate) fn refuse(&self, why: Refused, telemetry: &Telemetry) -> Bytes {
        if let (Some(end), Some((kind, _))) = (why.end(), self.asks()) {
            telemetry.gateway.question(kind, end);
        }
        let (code, message) = why.says();
        error(self.id, code, message)
    }
}

// === impl Refused ===

impl Refused {
    const fn end(self) -> Option<QuestionEnd> {
        match self {
            Self::Unknown => None,
            Self::Undeclared(_) => Some(QuestionEnd::Declined),
            Self::Ambiguous => Some(QuestionEnd::Ambiguous),
            Self::Overloaded => Some(QuestionEnd::Overloaded),
        }
    }

    const fn says(self) -> (i32, &'static str) {
        match self {
            Self::Unknown => (METHOD_NOT_FOUND, "the gateway does not offer this"),
            Self::Undeclared(_) => (
                METHOD_NOT_FOUND,
                "the client of this call has not declared that it can be asked this",
            ),
            Self::Ambiguous => (
                INTERNAL,
                "it cannot be told which call this belongs to: not exactly one is in flight",
            ),
            Self::Overloaded => (INTERNAL, TOO_MANY),
        }
    }
}

const TOO_MANY: &str = "too many questions are open; this one was not asked";

/// The message that answers a question.
fn answer(id: &RawJson, said: &Said) -> Bytes {
    match said {
        Said::Result(raw) => message(id, "result", raw.as_bytes()),
        Said::Error(raw) => message(id, "error", raw.as_bytes()),
        Said::Overloaded => error(id, INTERNAL, TOO_MANY),
        Said::Expired => error(id, INTERNAL, "the client did not answer in time"),
        Said::Abandoned => error(id, INTERNAL, "the call is over, and nobody is there to answer"),
    }
}

fn error(id: &RawJson, code: i32, says: &str) -> Bytes {
    message(id, "error", format!(r#"{{"code":{code},"message":"{says}"}}"#).as_bytes())
}

fn message(id: &RawJson, member: &str, value: &[u8]) -> Bytes {
    let member = format!(r#","{member}":"#);
    [br#"{"jsonrpc":"2.0","id":"#, id.as_bytes(), member.as_bytes(), value, b"}"].concat().into()
}

#[cfg(test)]
mod tests {
    //! What is asked, refused and answered.

    use std::sync::mpsc;

    use toolgate_call::{Abilities, AskKind, RawJson, Said};
    use toolgate_telemetry::Telemetry;

    use super::{Refused, Request};

    const RAW: &str =
        r#"{"jsonrpc":"2.0","id":"u7","method":"elicitation/create","params":{"message":"who?"}}"#;

    #[test]
    fn a_question_is_passed_on_only_to_those_who_declared_it() {
        let telemetry = Telemetry::for_tests();
        let (id, raw) = (RawJson::literal(r#""u7""#), RawJson::literal(RAW));
        let request = Request { id: &id, method: "elicitation/create", raw: &raw };
        let undeclared = request.question(Abilities::ROOTS, &telemetry, |_, _| {});
        assert_eq!(undeclared.err(), Some(Refused::Undeclared(Abilities::FORM)));
        let (sender, sent) = mpsc::channel();
        let send = move |bytes, _: &Said| sender.send(bytes).unwrap();
        let question = request.question(Abilities::FORM, &telemetry, send).unwrap();
        assert_eq!(question.kind, AskKind::Form);
        assert_eq!(question.params.as_bytes(), br#"{"message":"who?"}"#);
        question.respond.say(Said::Result(RawJson::literal(r#"{"action":"decline"}"#)));
        let said = r#"{"jsonrpc":"2.0","id":"u7","result":{"action":"decline"}}"#;
        assert_eq!(sent.try_recv().unwrap(), said);
        let counted = r#"toolgate_questions_total{kind="elicitation_form",event="answered"} 1"#;
        assert!(telemetry.render().contains(counted), "{}", telemetry.render());
    }

    #[test]
    fn what_no_client_is_asked_is_refused_uncounted() {
        let telemetry = Telemetry::for_tests();
        let (id, raw) = (RawJson::literal("1"), RawJson::literal(r#"{"method":"x"}"#));
        let request = Request { id: &id, method: "x", raw: &raw };
        let refused = request.question(Abilities::ALL, &telemetry, |_, _| {}).unwrap_err();
        assert_eq!(refused, Refused::Unknown);
        let said = request.refuse(refused, &telemetry);
        assert!(
            said.starts_with(br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"#),
            "{said:?}"
        );
        assert!(!telemetry.render().contains(r#"event="declined"} 1"#));
    }
}
