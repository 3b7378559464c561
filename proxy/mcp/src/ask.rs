//! Questions in the words of 2026-07-28: asked by a result, answered by repeating the call.
//!
//! Enters: questions of an older target, or a modern target's result that asks for input. Leaves:
//! the other of the two, in the words that a client's revision has. Never: a member that the
//! client's revision does not know.

use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{
    Abilities, Answer, AskKind, Members, Method, Question, RawJson, Version, member, object,
};

/// What a modern target wants to be told before it goes on.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Key, method and parameters of each.
    pub(crate) requests: Vec<(String, String, RawJson)>,
    /// What it wants to be given back as it is.
    pub(crate) state: Option<RawJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired<'a> {
    #[serde(borrow)]
    result_type: Option<&'a RawValue>,
    #[serde(borrow)]
    input_requests: Option<Members<'a>>,
    #[serde(borrow)]
    request_state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InputRequest<'a> {
    method: String,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct UrlError<'a> {
    #[serde(borrow)]
    data: UrlData<'a>,
}

#[derive(Deserialize)]
struct UrlData<'a> {
    #[serde(borrow)]
    elicitations: Vec<&'a RawValue>,
}

/// How many pages one error may ask to open.
const MOST_PAGES: usize = 16;

/// Whether a result of that method may ask for input (2026-07-28 `basic/patterns/mrtr`).
pub(crate) const fn may_ask(method: Method) -> bool {
    matches!(method, Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead)
}

// === impl Wanted ===

impl Wanted {
    /// What a modern target's answer asks for; `None` if it is complete, or asks in a way that
    /// cannot be read.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        let Answer::Result { raw, .. } = answer else { return None };
        // Almost every result lacks the word: then there is nothing to parse.
        memchr::memmem::find(raw.as_bytes(), b"input_required")?;
        let result: InputRequired<'_> = raw.parse().ok()?;
        if result.result_type.map(RawValue::get) != Some(r#""input_required""#) {
            return None;
        }
        let borrowed = |value: &RawValue| RawJson::borrowed(raw.bytes(), value);
        let requests =
            result.input_requests.unwrap_or_default().0.into_iter().map(|(key, value)| {
                let InputRequest { method, params } = serde_json::from_str(value.get()).ok()?;
                let object = params.filter(|params| params.get().starts_with('{'));
                Some((key.into_owned(), method, object.map_or(RawJson::literal("{}"), borrowed)))
            });
        let requests = requests.collect::<Option<Vec<_>>>()?;
        let state = result.request_state.map(borrowed);
        (!requests.is_empty() || state.is_some()).then_some(Self { requests, state })
    }
}

/// The result that asks a modern client these questions, each under its key.
pub(crate) fn input_required(questions: &[(String, Question)], state: &str) -> RawJson {
    let requests = questions.iter().map(|(key, question)| {
        let params = modern_params(&question.params);
        member(key, &request(question.kind, &params))
    });
    let state = format!(r#","requestState":"{state}""#);
    asking(requests, &state)
}

/// The result that asks a modern client to open the pages which an error of 2025-11-25 names
/// (-32042); the call is repeated when that has been done. `None`: it names none.
pub(crate) fn pages(error: &RawJson) -> Option<RawJson> {
    let UrlError { data } = error.parse().ok()?;
    if data.elicitations.is_empty() || data.elicitations.len() > MOST_PAGES {
        return None;
    }
    let requests = data.elicitations.iter().enumerate().map(|(number, page)| {
        let params = modern_params(&RawJson::built(page.get().to_owned().into()));
        member(&format!("page-{}", number + 1), &request(AskKind::Url, &params))
    });
    Some(asking(requests, ""))
}

fn asking(requests: impl Iterator<Item = String>, more: &str) -> RawJson {
    let requests = object(requests);
    RawJson::built(
        format!(r#"{{"resultType":"input_required","inputRequests":{requests}{more}}}"#).into(),
    )
}

fn request(kind: AskKind, params: &str) -> String {
    format!(r#"{{"method":"{}","params":{params}}}"#, kind.method())
}

/// Without what 2026-07-28 has no use for: the id of a page, and tasks of the older kind.
fn modern_params(params: &RawJson) -> String {
    Members::of(params.as_bytes()).without(&["elicitationId", "task"])
}

/// The request that asks a client of the older era.
pub(crate) fn older_request(id: &RawJson, kind: AskKind, params: &RawJson) -> RawJson {
    let method = kind.method();
    let head = format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":"#);
    let pieces = [head.as_bytes(), id.as_bytes(), br#","params":"#, params.as_bytes(), b"}"];
    RawJson::built(pieces.concat().into())
}

/// A modern target's parameters for a client of that revision: a page has an id, and a form no mode
/// where there is nothing else.
pub(crate) fn older_params(kind: AskKind, params: &RawJson, version: Version) -> RawJson {
    let members = Members::of(params.as_bytes());
    let text = match kind {
        AskKind::Url => {
            let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
            let own = member("elicitationId", &format!("\"{id}\""));
            let kept = members.0.iter().filter(|(key, _)| key != "elicitationId");
            let kept = kept.map(|(key, value)| member(key, value.get()));
            object(std::iter::once(own).chain(kept))
        }
        AskKind::Form if !Abilities::known_to(version).has(Abilities::URL) => {
            members.without(&["mode"])
        }
        AskKind::Form | AskKind::Sampling | AskKind::Roots => return params.clone(),
    };
    RawJson::built(text.into())
}
