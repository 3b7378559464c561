//! The pages that a browser opens beside MCP.
//!
//! Enters: a request for one of them, with what little of a body a form has. Leaves: what whoever makes
//! the pages answers. Never: a body of more than [`MOST`] bytes, or one that takes long; a query in a
//! record or a log.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use toolgate_call::{Case, Outcome, Refusal};

use crate::exchange::{Ending, Exchange};
use crate::{Answering, Body, refuse};

/// The largest form, in bytes.
const MOST: usize = 4 * 1024;
/// How long a form may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A page that is being made.
pub type Making = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// Makes the pages.
pub trait Pages: Send + Sync + fmt::Debug {
    /// Whether there is one at that path.
    fn serves(&self, path: &str) -> bool;

    /// Makes it. The status is for the record as well.
    fn page(&self, head: Parts, form: Bytes) -> Making;
}

/// The answer of such a page.
pub(crate) fn answer(pages: Arc<dyn Pages>, request: Request<Incoming>) -> Answering {
    Box::pin(async move {
        let exchange = Exchange::of(&request);
        let (head, body) = request.into_parts();
        let read = tokio::time::timeout(LIMIT, Limited::new(body, MOST).collect()).await;
        let Ok(Ok(form)) = read else {
            let refusal = Refusal::new(Case::BodyTooLarge, "a form of a page is smaller than that");
            let mut response = refuse::early(&refusal, exchange.as_deref(), None);
            let close = http::HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            return Ok(response);
        };
        let response = pages.page(head, form.to_bytes()).await;
        if let Some(exchange) = exchange {
            exchange.end(ending(response.status()));
        }
        Ok(response.map(Body::whole))
    })
}

fn ending(status: StatusCode) -> Ending {
    if status.is_client_error() || status.is_server_error() {
        let refusal = Refusal::new(Case::ParamsInvalid, "a page that cannot be had");
        return Ending::refused(&refusal, status.as_u16(), false);
    }
    Ending {
        outcome: Outcome::OK,
        detail: None,
        status: status.as_u16(),
        streamed: false,
        denied_by: None,
    }
}
