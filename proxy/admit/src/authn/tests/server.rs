//! An issuer's web server: documents by path, a count of requests, and outages on demand.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::mint::TestKey;

pub(super) struct Server {
    address: String,
    state: Arc<State>,
}

struct State {
    documents: Mutex<HashMap<String, (u16, String)>>,
    /// Requests answered; a channel, so that a test can wait for one.
    requests: watch::Sender<usize>,
    /// While `true`, requests are counted but not answered.
    hanging: watch::Sender<bool>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            documents: Mutex::default(),
            requests: watch::Sender::new(0),
            hanging: watch::Sender::new(false),
        });
        let served = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&served);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, state }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn publish(&self, keys: &[&TestKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.serve("/jwks", 200, &json!({ "keys": keys }).to_string());
    }

    pub(super) fn serve(&self, path: &str, status: u16, body: &str) {
        let document = (status, body.to_owned());
        self.state.documents.lock().unwrap().insert(path.to_owned(), document);
    }

    pub(super) fn fail(&self) {
        self.serve("/jwks", 503, "down");
    }

    pub(super) fn hang(&self, hanging: bool) {
        self.state.hanging.send_replace(hanging);
    }

    pub(super) fn requests(&self) -> usize {
        *self.state.requests.borrow()
    }

    pub(super) async fn until_requests(&self, count: usize) {
        self.state.requests.subscribe().wait_for(|seen| *seen >= count).await.unwrap();
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    state.requests.send_modify(|count| *count += 1);
    state.hanging.subscribe().wait_for(|hanging| !hanging).await.unwrap();
    let documents = state.documents.lock().unwrap();
    let (status, body) = documents.get(request.uri().path()).cloned().unwrap_or((500, "".into()));
    let location = "http://127.0.0.1:9/elsewhere";
    let response = Response::builder().status(status).header("location", location);
    Ok(response.body(Full::from(body)).unwrap())
}
