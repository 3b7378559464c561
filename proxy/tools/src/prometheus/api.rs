//! The HTTP API of Prometheus.
//!
//! Enters: a path and fields. Leaves: `data` of a success with its warnings, or the kind of error
//! that Prometheus itself tells. Never: a query in a URL when it can stand in a body.

use std::borrow::Cow;

use http::Request;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Config;
use super::place::{Place, Plain};
use crate::context::Context;
use crate::error::{Code, ToolError, words};
use crate::upstream::{self, Answer, SetupError, Upstream, encoded};

/// The largest answer that is read.
const MOST_BYTES: usize = 16 << 20;
/// Warnings that are passed on.
const MOST_WARNINGS: usize = 10;

/// A Prometheus.
#[derive(Debug)]
pub(super) struct Api {
    place: Place,
    upstream: Upstream,
}

/// The same, once it is known where it is.
#[derive(Debug)]
pub(super) struct Located<'a> {
    api: &'a Api,
    base: Cow<'a, str>,
}

/// What it answered.
#[derive(Debug)]
pub(super) struct Success<T> {
    pub(super) data: T,
    pub(super) warnings: Vec<String>,
}

/// Every answer of the API (Prometheus, "HTTP API", "Format overview").
#[derive(Deserialize)]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

// === impl Api ===

impl Api {
    pub(super) fn plain(config: Config) -> Result<Self, SetupError> {
        Ok(Self::in_place(Place::Plain(Plain::new(config)?)))
    }

    pub(super) fn in_place(place: Place) -> Self {
        Self { place, upstream: Upstream::new("Prometheus", MOST_BYTES) }
    }

    /// Where it is and what else is known of it without asking its own API.
    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// Arguments that mean nothing there.
    pub(super) fn without(&self) -> &'static [&'static str] {
        self.place.without()
    }

    /// Finds out where it is.
    ///
    /// # Errors
    /// There is no such workspace, or none was named.
    pub(super) async fn at(
        &self,
        workspace: Option<&str>,
        context: &Context,
    ) -> Result<Located<'_>, ToolError> {
        Ok(Located { api: self, base: self.place.base(workspace, context).await? })
    }
}

// === impl Located ===

impl Located<'_> {
    /// The URL below which its API is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks with the fields in the body.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        context: &Context,
    ) -> Result<Success<T>, ToolError> {
        let url = format!("{}/api/v1/{path}", self.base);
        let request = Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, upstream::form(fields), context).await
    }

    /// Asks what can be asked by GET only.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        context: &Context,
    ) -> Result<Success<T>, ToolError> {
        let query = upstream::form(fields);
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}/api/v1/{path}{mark}{query}", self.base);
        self.send(Request::get(url), String::new(), context).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: http::request::Builder,
        body: String,
        context: &Context,
    ) -> Result<Success<T>, ToolError> {
        let request = self.api.place.shown(request, body, context).await?;
        let (mut answer, pieces) = self.api.upstream.send_for_pieces(request, context).await?;
        if answer.status.is_success() {
            let envelope = answer.json_of(pieces)?;
            return read(&answer, envelope);
        }
        answer.body = pieces.whole();
        // Proxies before it answer in their own ways.
        match answer.json::<Envelope<IgnoredAny>>() {
            Ok(envelope) if envelope.status == "error" => Err(failed(&answer, &envelope)),
            _ => Err(answer.by_status()),
        }
    }
}

/// A label's name as it stands in a path; names beyond the old alphabet are escaped as Prometheus 3
/// wants it ("UTF-8 in label names").
pub(super) fn label(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.chars().all(is_plain) && !name.starts_with(|letter: char| letter.is_ascii_digit()) {
        return name.to_owned();
    }
    let escaped = name.chars().map(|letter| match letter {
        '_' => "__".to_owned(),
        letter if is_plain(letter) => letter.to_string(),
        letter => format!("_{:x}_", u32::from(letter)),
    });
    encoded(&format!("U__{}", escaped.collect::<String>()))
}

fn read<T>(answer: &Answer, envelope: Envelope<T>) -> Result<Success<T>, ToolError> {
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(data)) => {
            let mut warnings: Vec<String> = envelope.warnings.iter().map(|w| words(w)).collect();
            warnings.extend(envelope.infos.iter().map(|info| words(info)));
            warnings.truncate(MOST_WARNINGS);
            Ok(Success { data, warnings })
        }
        ("success", None) => Err(answer.garbled("there is no `data`")),
        ("error", data) => Err(failed(answer, &Envelope { data, ..envelope })),
        (other, _) => Err(answer.garbled(&format!("`status` is `{other}`"))),
    }
}

/// Prometheus' own kinds of errors (its `web/api/v1/errors`).
fn failed<T>(answer: &Answer, envelope: &Envelope<T>) -> ToolError {
    let said = words(&envelope.error);
    let kind = words(&envelope.error_type);
    let (code, message) = match kind.as_str() {
        "bad_data" => (
            Code::InvalidArguments,
            format!("Prometheus cannot take this ({kind}): {said}. Correct the query or the times"),
        ),
        "execution" => (
            Code::Refused,
            format!(
                "Prometheus cannot carry this out ({kind}): {said}. Ask for fewer series or a \
                 shorter time"
            ),
        ),
        "timeout" | "canceled" => (
            Code::Timeout,
            format!("Prometheus gave up ({kind}): {said}. Ask for fewer series or a shorter time"),
        ),
        "not_found" => (Code::NotFound, format!("Prometheus does not have that: {said}")),
        "unauthorized" | "forbidden" => {
            (Code::Denied, format!("Prometheus does not allow this gateway that: {said}"))
        }
        _ if answer.status.as_u16() == 429 => {
            (Code::RateLimited, format!("Prometheus takes no more queries for now: {said}"))
        }
        _ => (Code::UpstreamError, format!("Prometheus has failed ({kind}): {said}")),
    };
    answer.failed(code, message)
}
