//! A user is asked to open a page of the gateway's, and to call again then (ADR 31).
//!
//! Enters: a refusal that names a page, and what the client can do. Leaves: the same refusal, with the
//! answer that asks in the client's words. Never: a client asked for something that it has not declared;
//! a user asked again who has just said no; the page in a record.

use serde_json::json;
use toolgate_call::{Abilities, Answer, Call, Era, Members, Method, RawJson, Refusal};

use crate::ask::may_ask;
use crate::one::Client;

/// By which the question is known in `inputRequests`.
const KEY: &str = "toolgate-connect";
/// Of 2025-11-25: the user has to open a page first.
const URL_ELICITATION_REQUIRED: i32 = -32042;
const FORBIDDEN: i32 = 403;

/// Who could be asked, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    era: Era,
    method: Method,
    can_open: bool,
    has_declined: bool,
}

// === impl Asker ===

impl Asker {
    pub(crate) fn of(client: Client<'_>, call: &Call) -> Self {
        let (era, abilities) = match client {
            Client::Modern if may_ask(call.method) => (Era::Modern, call.abilities),
            Client::Modern => (Era::Modern, Abilities::NONE),
            Client::Older { session, .. } => {
                (Era::Legacy, session.abilities.within(Abilities::known_to(session.version)))
            }
        };
        let has_declined = call.frame.responses().is_some_and(says_no);
        Self { era, method: call.method, can_open: abilities.has(Abilities::URL), has_declined }
    }

    /// The refusal, with what asks the user to open the page that it names, if it names one.
    pub(crate) fn asks(self, refusal: Refusal) -> Refusal {
        let Some(page) = refusal.page() else { return refusal };
        let (why, url) = (refusal.message(), page.expose());
        let answer = match self.era {
            _ if self.has_declined => {
                self.told(&format!("{why}: the user was asked to, and said no."))
            }
            Era::Modern if self.can_open => {
                let ask = json!({
                    "method": "elicitation/create",
                    "params": { "mode": "url", "message": sentence(why), "url": url },
                });
                result(&json!({ "resultType": "input_required", "inputRequests": { KEY: ask } }))
            }
            Era::Legacy if self.can_open => {
                let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
                let page = json!({
                    "mode": "url", "elicitationId": id, "url": url, "message": sentence(why),
                });
                let data = json!({ "elicitations": [page] });
                error(URL_ELICITATION_REQUIRED, &sentence(why), &data)
            }
            Era::Modern | Era::Legacy => {
                let advice = "Ask the user to open this page, which is meant for them alone, and \
                              call again when that is done:";
                self.told(&format!("{why}. {advice} {url}"))
            }
        };
        refusal.answered_by(answer)
    }

    /// A sentence that whoever called the tool reads.
    fn told(self, sentence: &str) -> Answer {
        if self.method != Method::ToolsCall {
            return error(
                FORBIDDEN,
                sentence,
                &json!({ "reason": "forbidden", "blame": "caller" }),
            );
        }
        let mut answer =
            json!({ "content": [{ "type": "text", "text": sentence }], "isError": true });
        if let (Era::Modern, Some(members)) = (self.era, answer.as_object_mut()) {
            members.insert("resultType".to_owned(), "complete".into());
        }
        Answer::Result { raw: raw(&answer), is_error: true }
    }
}

fn sentence(why: &str) -> String {
    format!("{why}. Open the page to connect it; it says who asks for what.")
}

/// Whether the user has declined to open the page, or the client has for them.
fn says_no(responses: &[u8]) -> bool {
    let said = Members::of(responses);
    let action = said.get(KEY).and_then(|said| Members::of(said.get().as_bytes()).get("action"));
    action.is_some_and(|action| action.get() != r#""accept""#)
}

fn result(value: &serde_json::Value) -> Answer {
    Answer::result(raw(value))
}

fn error(code: i32, message: &str, data: &serde_json::Value) -> Answer {
    let value = json!({ "code": code, "message": message, "data": data });
    Answer::Error { raw: raw(&value), code: code.into() }
}

fn raw(value: &serde_json::Value) -> RawJson {
    RawJson::built(value.to_string().into())
}
