//! The chat page: a few files, as they are.
//!
//! In: a name. Out: the file, with a policy that lets nothing else run. Never: a word of a model,
//! a tool or a user; those the page asks for and shows as text.

use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// Nothing but our own files; and no text can become HTML or a script (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, type and text of each file.
const FILES: [(&str, &str, &str); 11] = [
    ("style.css", "text/css; charset=utf-8", include_str!("../web/style.css")),
    ("theme.js", SCRIPT, include_str!("../web/theme.js")),
    ("app.js", SCRIPT, include_str!("../web/app.js")),
    ("dom.js", SCRIPT, include_str!("../web/dom.js")),
    ("markdown.js", SCRIPT, include_str!("../web/markdown.js")),
    ("panel.js", SCRIPT, include_str!("../web/panel.js")),
    ("server.js", SCRIPT, include_str!("../web/server.js")),
    ("sessions.js", SCRIPT, include_str!("../web/sessions.js")),
    ("step.js", SCRIPT, include_str!("../web/step.js")),
    ("turn.js", SCRIPT, include_str!("../web/turn.js")),
    ("view.js", SCRIPT, include_str!("../web/view.js")),
];

pub(super) async fn page(headers: HeaderMap) -> Response {
    let text = include_str!("../web/index.html");
    std::future::ready(file("text/html; charset=utf-8", text, &headers)).await
}

pub(super) async fn asset(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let (_, kind, text) = found.ok_or_else(|| Problem::not_found("there is no such file"))?;
    std::future::ready(Ok(file(kind, text, &headers))).await
}

fn file(kind: &'static str, text: &'static str, headers: &HeaderMap) -> Response {
    let tag = tag(text);
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let head = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (CACHE_CONTROL, "no-cache".to_owned()),
        (ETAG, tag.clone()),
    ];
    if known == Some(tag.as_str()) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, text).into_response()
}

/// The version of a file, by its text (FNV-1a).
fn tag(text: &str) -> String {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("\"{:016x}\"", text.bytes().fold(start, mix))
}
