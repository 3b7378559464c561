//! The door: which path, which host, which origin.
//!
//! Enters: any HTTP request. Leaves: requests for `/mcp`, or a server below it, from a host and an origin that are ours;
//! the RFC 9728 document; what browsers must know of it (`cors`); or a refusal. Never: lets a request for another path further in.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use toolgate_call::{Case, Era, Outcome, Refusal};
use tower::{Layer, Service};

use crate::authn::Authenticator;
use crate::exchange::{Ending, Exchange};
use crate::origin::{OriginConfig, printable};
use crate::servers::{Place, Servers};
use crate::{Answering, Body, Pages, cors, discard, pages, refuse};

/// Makes [`Front`].
#[derive(Clone, Debug)]
pub struct FrontLayer {
    /// Hosts and origins that are ours.
    pub origin: Arc<OriginConfig>,
    /// Knows the metadata documents.
    pub auth: Arc<Authenticator>,
    /// The servers below `/mcp`.
    pub servers: Servers,
    /// Pages that browsers open beside it.
    pub pages: Option<Arc<dyn Pages>>,
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
        if let Some(pages) = self.pages(&request) {
            // They look at the origin themselves: it is their own, or none.
            return match self.layer.origin.check_host(&request) {
                Ok(()) => pages::answer(pages, request),
                Err(refusal) => refused(&refusal, request, None),
            };
        }
        if let Err(refusal) = self.layer.origin.check(&request) {
            return refused(&refusal, request, None);
        }
        let Some(origin) = cors::origin(&request) else { return self.served(request) };
        // A page of ours asks: it may read whatever it is answered.
        let answering = self.served(request);
        Box::pin(async move {
            let mut response = answering.await?;
            cors::allow(&mut response, origin);
            Ok(response)
        })
    }
}

impl<S> Front<S>
where
    S: Service<
            Request<Incoming>,
            Response = Response<Body>,
            Error = Infallible,
            Future = Answering,
        >,
{
    /// Who makes the page that it is for, if it is for one.
    fn pages(&self, request: &Request<Incoming>) -> Option<Arc<dyn Pages>> {
        self.layer.pages.clone().filter(|pages| pages.serves(request.uri().path()))
    }

    fn served(&mut self, request: Request<Incoming>) -> Answering {
        let path = request.uri().path();
        let place = self.layer.servers.at(path);
        let document = match &place {
            Place::Document(server) => self.layer.auth.metadata(server.as_deref()),
            Place::Mcp(_) | Place::Nobody | Place::Nowhere => None,
        };
        let is_mcp = matches!(place, Place::Mcp(_));
        if (is_mcp || document.is_some()) && cors::is_preflight(&request) {
            ended_well(&request, StatusCode::NO_CONTENT);
            return answered(cors::preflight(request.headers()));
        }
        if let Place::Mcp(server) = place {
            if let Some((exchange, server)) = Exchange::of(&request).zip(server) {
                exchange.server.get_or_init(|| server);
            }
            return self.inner.call(request);
        }
        if let Some(document) = document {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                let refusal = Refusal::new(Case::HttpMethod, "only GET is served here");
                return refused(&refusal, request, Some(HeaderValue::from_static("GET, HEAD")));
            }
            ended_well(&request, StatusCode::OK);
            let mut response = Response::new(Body::whole(document));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            return answered(response);
        }
        if matches!(place, Place::Nobody) {
            let message = "there is no server of that name here; the whole gateway is at /mcp";
            let refusal = Refusal::new(Case::Path, message).detail(printable(path));
            return refused(&refusal, request, None);
        }
        let message = "nothing is served here; MCP is at /mcp";
        let refusal = Refusal::new(Case::Path, message).detail(printable(path));
        refused(&refusal, request, None)
    }
}

fn answered(response: Response<Body>) -> Answering {
    Box::pin(std::future::ready(Ok(response)))
}

/// The refusal of a request by its head; `allow` are the methods that its path serves.
fn refused(refusal: &Refusal, request: Request<Incoming>, allow: Option<HeaderValue>) -> Answering {
    let mut response = refuse::early(refusal, Exchange::of(&request).as_deref(), None);
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    Box::pin(async move {
        let (parts, body) = request.into_parts();
        discard::unread(&parts, body).await;
        Ok(response)
    })
}

fn ended_well(request: &Request<Incoming>, status: StatusCode) {
    if let Some(exchange) = Exchange::of(request) {
        exchange.end(Ending {
            outcome: Outcome::OK,
            detail: None,
            status: status.as_u16(),
            streamed: false,
            denied_by: None,
        });
    }
}

/// The era in which a request is refused before its body was read: only the HTTP status and the
/// sentence matter then, and the newer era's statuses are the more telling ones.
pub(crate) const UNREAD: Era = Era::Modern;
