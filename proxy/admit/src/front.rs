//! The door: which path, which host, which origin.
//!
//! Enters: any HTTP request. Leaves: requests for `/mcp` from a host and an origin that are ours;
//! the RFC 9728 document; or a refusal. Never: lets a request for another path further in.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use toolgate_call::{Case, Era, Refusal};
use tower::{Layer, Service};

use crate::authn::Authenticator;
use crate::exchange::Exchange;
use crate::origin::{OriginConfig, printable};
use crate::{Answering, Body, refuse};

/// Where MCP is served.
const MCP: &str = "/mcp";
/// Where RFC 9728 metadata is served: for the resource `/mcp`, and at the root for older clients.
const METADATA: [&str; 2] =
    ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"];

/// Makes [`Front`].
#[derive(Clone, Debug)]
pub struct FrontLayer {
    /// Hosts and origins that are ours.
    pub origin: Arc<OriginConfig>,
    /// Knows the metadata document.
    pub auth: Arc<Authenticator>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Front<S> {
    inner: S,
    layer: FrontLayer,
}

// === impl FrontLayer ===

impl<S> Layer<S> for FrontLayer {
    type Service = Front<S>;

    fn layer(&self, inner: S) -> Front<S> {
        Front { inner, layer: self.clone() }
    }
}

// === impl Front ===

impl<S> Service<Request<Incoming>> for Front<S>
where
    S: Service<
            Request<Incoming>,
            Response = Response<Body>,
            Error = Infallible,
            Future = Answering,
        >,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Answering {
        let checked = self.layer.origin.check(&request);
        let path = request.uri().path();
        if checked.is_ok() && path == MCP {
            return self.inner.call(request);
        }
        let response = match checked {
            Err(refusal) => refuse::early(&refusal, Exchange::of(&request).as_deref(), None),
            Ok(()) if METADATA.contains(&path) && !self.layer.auth.metadata().is_empty() => {
                self.metadata(&request)
            }
            Ok(()) => {
                let message = "nothing is served here; MCP is at /mcp";
                let refusal = Refusal::new(Case::Path, message).detail(printable(path));
                refuse::early(&refusal, Exchange::of(&request).as_deref(), None)
            }
        };
        Box::pin(std::future::ready(Ok(response)))
    }
}

impl<S> Front<S> {
    fn metadata(&self, request: &Request<Incoming>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let refusal = Refusal::new(Case::HttpMethod, "only GET is served here");
            return refuse::early(&refusal, Exchange::of(request).as_deref(), None);
        }
        if let Some(exchange) = Exchange::of(request) {
            exchange.end(crate::exchange::Ending {
                outcome: toolgate_call::Outcome::OK,
                detail: None,
                status: StatusCode::OK.as_u16(),
                streamed: false,
            });
        }
        let mut response = Response::new(Body::whole(self.layer.auth.metadata()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

/// The era in which a request is refused before its body was read: only the HTTP status and the
/// sentence matter then, and the newer era's statuses are the more telling ones.
pub(crate) const UNREAD: Era = Era::Modern;
