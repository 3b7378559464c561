//! `/debug/calls`: what the flight recorder holds.
//!
//! Enters: the rest of the path, and the query. Leaves: JSON of bounded length. Never: on a thread
//! that serves calls; a question that is understood in part.

use std::sync::Arc;

use http::StatusCode;

use super::Admin;
use super::page::{Answer, JSON, TEXT, no_such_page, respond};
use crate::recorder::{Query, decoded};

/// For a request id that no record has.
const GONE: &str = "The recorder has no such call, or not any more. Its line in the access log and \
                    its trace may be there.\n";

pub(super) async fn answer(admin: &Admin, rest: &str, query: Option<&str>) -> Answer {
    let Some(recorder) = admin.shown.recorder().map(Arc::clone) else { return no_such_page(admin) };
    let asked = match (rest, query) {
        ("" | "/", query) => Query::parse(query.unwrap_or_default()),
        (_, Some(_)) => Err("A call is asked for by its id alone.\n".to_owned()),
        (rest, None) => match rest.strip_prefix('/').and_then(decoded) {
            Some(id) => Ok(Query::of_request(id)),
            None => return no_such_page(admin),
        },
    };
    let query = match asked {
        Ok(query) => query,
        Err(advice) => return respond(StatusCode::BAD_REQUEST, TEXT, advice),
    };
    let turn = Arc::clone(&admin.rendering).acquire_owned().await;
    let rendering = tokio::task::spawn_blocking(move || {
        let found = recorder.answer(&query);
        drop(turn);
        found.map(|found| format!("{found}\n"))
    });
    match rendering.await {
        Ok(Some(found)) => respond(StatusCode::OK, JSON, found),
        Ok(None) => respond(StatusCode::NOT_FOUND, TEXT, GONE),
        Err(error) => {
            tracing::error!(%error, "the calls could not be rendered");
            let advice = "The calls could not be rendered; the log says why.\n";
            respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, advice)
        }
    }
}
