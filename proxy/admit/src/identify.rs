//! Who is it.
//!
//! Enters: a request for `/mcp`, and what its connection says of its caller. Leaves: the same with a
//! `Principal`, or 401 with the challenge of RFC 6750 and RFC 9728. Never: hands the header on; it is
//! removed here. The token goes on only where a target is configured to exchange it, in a type that
//! nothing shows (ADR 36).

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, header};
use hyper::body::Incoming;
use toolgate_call::{Phase, Principal, Refusal};
use tower::{Layer, Service};

use crate::authn::bearer::API_KEY;
use crate::authn::{Authenticator, Shown};
use crate::exchange::Exchange;
use crate::{Answering, Body, discard, refuse};

/// Makes [`Identify`].
#[derive(Clone, Debug)]
pub struct IdentifyLayer(pub Arc<Authenticator>);

/// See the module.
#[derive(Clone, Debug)]
pub struct Identify<S> {
    inner: S,
    auth: Arc<Authenticator>,
}

// === impl IdentifyLayer ===

impl<S> Layer<S> for IdentifyLayer {
    type Service = Identify<S>;

    fn layer(&self, inner: S) -> Identify<S> {
        Identify { inner, auth: Arc::clone(&self.0) }
    }
}

// === impl Identify ===

impl<S> Service<Request<Incoming>> for Identify<S>
where
    S: Service<
            Request<Incoming>,
            Response = Response<Body>,
            Error = Infallible,
            Future = Answering,
        > + Clone
        + Send
        + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Answering {
        let exchange = Exchange::of(&request);
        if let Some(exchange) = &exchange {
            exchange.ledger.enter(Phase::Authenticate);
        }
        let server = exchange.as_ref().and_then(|exchange| exchange.server());
        if let Some(principal) = self.auth.verify_cached(shown(&request), server) {
            identified(&mut request, principal, &self.auth);
            return self.inner.call(request);
        }
        let (auth, mut inner) = (Arc::clone(&self.auth), self.inner.clone());
        Box::pin(async move {
            let server = exchange.as_ref().and_then(|exchange| exchange.server());
            match auth.verify(shown(&request), server).await {
                Ok(principal) => {
                    identified(&mut request, principal, &auth);
                    inner.call(request).await
                }
                Err(refusal) => {
                    let response = refused(&auth, &refusal, &request);
                    let (parts, body) = request.into_parts();
                    discard::unread(&parts, body).await;
                    Ok(response)
                }
            }
        })
    }
}

/// What the caller shows: its headers, and what its connection says of it.
fn shown(request: &Request<Incoming>) -> Shown<'_> {
    Shown { headers: request.headers(), certificate: request.extensions().get() }
}

fn identified(request: &mut Request<Incoming>, principal: Arc<Principal>, auth: &Authenticator) {
    let subject = auth.subject(request.headers());
    request.headers_mut().remove(header::AUTHORIZATION);
    request.headers_mut().remove(API_KEY);
    if let Some(exchange) = Exchange::of(request) {
        if let Some(subject) = subject {
            exchange.subject.get_or_init(|| subject);
        }
        exchange.principal.get_or_init(|| principal);
    }
}

fn refused(auth: &Authenticator, refusal: &Refusal, request: &Request<Incoming>) -> Response<Body> {
    let exchange = Exchange::of(request);
    let server = exchange.as_ref().and_then(|exchange| exchange.server());
    refuse::early(refusal, exchange.as_deref(), auth.challenge(refusal, server))
}
