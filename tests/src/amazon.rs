//! Amazon Managed Service for Prometheus, made of a Prometheus and a check of signatures.
//!
//! In: a running Prometheus. Out: the control plane with one workspace, whose API is that Prometheus.
//! A request whose signature does not fit goes no further.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{Ask, Client};
use crate::emulator::CREDENTIALS;
use crate::sigv4::verify;

/// The id of the workspace, and what people call it.
pub const WORKSPACE: (&str, &str) = ("ws-0123", "Shop");

/// A running service; dropping it closes its port.
#[derive(Debug)]
pub struct Amazon {
    address: SocketAddr,
    refused: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Behind {
    prometheus: SocketAddr,
    own: SocketAddr,
    refused: Arc<Mutex<Vec<String>>>,
}

// === impl Amazon ===

impl Amazon {
    /// Starts it in front of the Prometheus at that URL.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn before(prometheus: &str) -> Result<Self> {
        let prometheus = prometheus.trim_start_matches("http://").parse().context("its URL")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let refused = Arc::<Mutex<Vec<String>>>::default();
        let behind = Behind { prometheus, own: address, refused: Arc::clone(&refused) };
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let behind = behind.clone();
                let service = service_fn(move |request| answer(behind.clone(), request));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(served);
            }
        });
        Ok(Self { address, refused, server })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Why requests went no further.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Amazon {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    behind: Behind,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (status, text) = behind.answer(&head, body).await.unwrap_or_else(|error| {
        let message = format!("{error:#}");
        behind.refused.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        let refusal = json!({ "__type": "AccessDeniedException", "message": message });
        (403, refusal.to_string())
    });
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status.try_into().unwrap_or_default();
    Ok(response)
}

// === impl Behind ===

impl Behind {
    async fn answer(&self, head: &Parts, body: Bytes) -> Result<(u16, String)> {
        let [(_, key), (_, secret), _] = CREDENTIALS;
        let signed = verify(head, &body, secret)?;
        let scope = (signed.key.as_str(), signed.region.as_str(), signed.service.as_str());
        ensure!(scope == (key, "us-east-1", "aps"), "signed for {scope:?}");
        let path = head.uri.path();
        let (id, _) = WORKSPACE;
        if path == "/workspaces" {
            return Ok((200, json!({ "workspaces": [self.workspace()] }).to_string()));
        }
        let Some(rest) = path.strip_prefix("/workspaces/").and_then(|rest| rest.strip_prefix(id))
        else {
            let missing = json!({ "__type": "ResourceNotFoundException", "message": path });
            return Ok((404, missing.to_string()));
        };
        if rest.is_empty() {
            return Ok((200, json!({ "workspace": self.workspace() }).to_string()));
        }
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let ask = match head.method {
            Method::POST => Ask::post(body)
                .to(&format!("{rest}{query}"))
                .instead("content-type", "application/x-www-form-urlencoded"),
            _ => Ask::get(&format!("{rest}{query}")),
        };
        let answer = Client::new(self.prometheus).send(ask).await?;
        Ok((answer.status, answer.text()))
    }

    fn workspace(&self) -> Value {
        let (id, alias) = WORKSPACE;
        json!({
            "workspaceId": id, "alias": alias, "status": { "statusCode": "ACTIVE" },
            "arn": format!("arn:aws:aps:us-east-1:000000000000:workspace/{id}"),
            "prometheusEndpoint": format!("http://{}/workspaces/{id}/", self.own),
        })
    }
}
