//! A stub of Kubernetes and of the EKS that tells where it is.
//!
//! In: requests over TLS of its own authority, each with a token or, if it wants that, a certificate; and
//! signed requests for the cluster `shop`. Out: answers in the shapes of the real API, or the fault it was told. It is no cluster: nothing
//! runs there, and a change is only written down.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::emulator::CREDENTIALS;
use crate::pki::{Authority, Says};
use crate::process::Scratch;
use crate::sigv4::{verify, verify_presigned};

/// The token that a kubeconfig of the stub shows.
pub const TOKEN: &str = "token-of-a-kubeconfig";
/// The cluster's name in EKS.
pub const CLUSTER: &str = "shop";

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Well,
    /// It answers all with that status and reason.
    Status(u16, &'static str),
    /// It answers what is no JSON.
    Garbage,
    /// It never answers.
    Slow,
}

/// A running stub; dropping it closes its ports.
#[derive(Debug)]
pub struct KubeStub {
    eks: SocketAddr,
    api: SocketAddr,
    authority: String,
    state: Arc<State>,
    servers: [JoinHandle<()>; 2],
}

/// A body that is there at once, or that goes on.
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What a container writes from now on, for the next who follows its log.
#[derive(Debug)]
pub struct Container(mpsc::UnboundedSender<Bytes>);

#[derive(Debug)]
struct State {
    log: Mutex<Option<mpsc::UnboundedReceiver<Bytes>>>,
    fault: Mutex<Fault>,
    changes: Mutex<Vec<String>>,
    refused: Mutex<Vec<String>>,
    /// What it takes, where no certificate says who asks.
    token: Mutex<Option<String>>,
    cluster: Value,
}

// === impl KubeStub ===

impl KubeStub {
    /// Listens on two free loopback ports.
    ///
    /// # Errors
    /// When no port or certificate can be had.
    pub async fn start(scratch: &Scratch) -> Result<Self> {
        Self::of(scratch, None).await
    }

    /// The same, which takes no connection without a certificate of that authority, and wants no token.
    ///
    /// # Errors
    /// As [`KubeStub::start`].
    pub async fn start_for(people: &Authority, scratch: &Scratch) -> Result<Self> {
        Self::of(scratch, Some(people)).await
    }

    async fn of(scratch: &Scratch, people: Option<&Authority>) -> Result<Self> {
        let authority = Authority::new("a cluster")?;
        let pair = authority.signs(Says::name("kubernetes"), "kube", scratch)?;
        let tls = TlsAcceptor::from(Arc::new(pair.serves(people)?));
        let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let secret = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let (eks, api) = (plain.local_addr()?, secret.local_addr()?);
        let authority = BASE64_STANDARD.encode(&authority.pem);
        let cluster = json!({ "cluster": {
            "name": CLUSTER, "status": "ACTIVE", "version": "1.33", "endpoint": format!("https://{api}"),
            "certificateAuthority": { "data": authority }, "health": { "issues": [] },
        } });
        let state = Arc::new(State {
            log: Mutex::default(),
            fault: Mutex::new(Fault::Well),
            changes: Mutex::default(),
            refused: Mutex::default(),
            token: Mutex::new(people.is_none().then(|| TOKEN.to_owned())),
            cluster,
        });
        let servers = [
            tokio::spawn(serve_eks(plain, Arc::clone(&state))),
            tokio::spawn(serve_api(secret, tls, Arc::clone(&state))),
        ];
        Ok(Self { eks, api, authority, state, servers })
    }

    /// Where EKS is.
    #[must_use]
    pub fn eks_url(&self) -> String {
        format!("http://{}", self.eks)
    }

    /// Writes a kubeconfig that shows this token.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn kubeconfig(&self, token: &str, scratch: &Scratch) -> Result<PathBuf> {
        self.kubeconfig_of(&json!({ "token": token }), scratch)
    }

    /// Writes a kubeconfig of that user.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn kubeconfig_of(&self, user: &Value, scratch: &Scratch) -> Result<PathBuf> {
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "stub",
            "clusters": [{ "name": "stub", "cluster": {
                "server": format!("https://{}", self.api), "certificate-authority-data": self.authority,
            } }],
            "contexts": [{ "name": "stub", "context": { "cluster": "stub", "user": "stub" } }],
            "users": [{ "name": "stub", "user": user }],
        });
        scratch.write("kubeconfig.json", &text.to_string())
    }

    /// Whoever follows a log next reads what is written here.
    #[must_use]
    pub fn container(&self) -> Container {
        let (writes, log) = mpsc::unbounded_channel();
        *lock(&self.state.log) = Some(log);
        Container(writes)
    }

    /// From now on it is like that.
    pub fn set(&self, fault: Fault) {
        *lock(&self.state.fault) = fault;
    }

    /// From now on it takes this token and no longer the one before.
    pub fn renew(&self, token: &str) {
        *lock(&self.state.token) = Some(token.to_owned());
    }

    /// What was changed in earnest, as method and path.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        lock(&self.state.changes).clone()
    }

    /// Why requests went no further.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        lock(&self.state.refused).clone()
    }
}

impl Drop for KubeStub {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

// === impl Container ===

impl Container {
    /// Writes so much; dropping it ends the log.
    pub fn write(&self, text: &str) {
        // Whoever followed may have left.
        self.0.send(Bytes::copy_from_slice(text.as_bytes())).ok();
    }

    /// Waits until nobody follows any more.
    pub async fn left(&self) {
        self.0.closed().await;
    }
}

// === impl State ===

impl State {
    /// EKS: one cluster without parts.
    fn eks(&self, head: &Parts) -> Result<(u16, Value)> {
        let [_, (_, secret), _] = CREDENTIALS;
        let signed = verify(head, b"", secret)?;
        ensure!((&*signed.region, &*signed.service) == ("us-east-1", "eks"), "{signed:?}");
        let parts: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        Ok(match parts.as_slice() {
            ["clusters"] => (200, json!({ "clusters": [CLUSTER] })),
            ["clusters", CLUSTER] => (200, self.cluster.clone()),
            ["clusters", CLUSTER, "node-groups"] => (200, json!({ "nodegroups": [] })),
            ["clusters", CLUSTER, "fargate-profiles"] => {
                (200, json!({ "fargateProfileNames": [] }))
            }
            ["clusters", CLUSTER, "addons"] => (200, json!({ "addons": [] })),
            _ => (404, json!({ "__type": "ResourceNotFoundException", "message": "no cluster" })),
        })
    }

    /// Whoever the handshake or the token says.
    fn known(&self, head: &Parts) -> Result<()> {
        match &*lock(&self.token) {
            None => Ok(()),
            Some(token) => known(head, token),
        }
    }

    /// The cluster: whoever it is, what was asked, and what the answer is.
    fn api(&self, head: &Parts, body: &[u8]) -> (u16, &'static str, String) {
        if let Err(error) = self.known(head) {
            lock(&self.refused).push(format!("{error:#}"));
            return status(401, "Unauthorized");
        }
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let is_dry = query.contains("dryRun=All") || body.get("dryRun") == Some(&json!(["All"]));
        if head.method != "GET" && !is_dry {
            lock(&self.changes).push(format!("{} {path}", head.method));
        }
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let json = |value: Value| (200, "application/json", value.to_string());
        match parts.as_slice() {
            [.., "pods"] | [.., "nodes"] if query.contains("continue=") => status(410, "Expired"),
            ["api", "v1", "nodes"] => json(json!({ "metadata": {}, "items": [{
                "metadata": { "name": "n-1" },
                "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
            }] })),
            ["apis", "metrics.k8s.io", ..] => json(json!({ "metadata": {}, "items": [{
                "metadata": { "name": "web-1", "namespace": "shop" },
                "containers": [{ "name": "web", "usage": { "cpu": "12m", "memory": "30Mi" } }],
            }] })),
            [.., "pods"] => {
                json(json!({ "metadata": { "continue": "more" }, "items": [pod("web-1")] }))
            }
            [.., "events"] => json(json!({ "metadata": {}, "items": [{
                "metadata": { "name": "e", "namespace": "shop" }, "reason": "BackOff",
                "involvedObject": { "kind": "Pod", "name": "web-1" }, "message": "Back-off",
            }] })),
            [.., "pods", "none"] => status(404, "NotFound"),
            [.., "pods", _, "log"] => {
                let line = "password=s3cret and a long line of what there is to say\n";
                (200, "text/plain", line.repeat(60_000))
            }
            [.., "pods", name] => json(pod(name)),
            ["apis", "apps", "v1", .., name] => json(json!({
                "metadata": { "name": name, "resourceVersion": "1" },
                "spec": { "replicas": body.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(2) },
            })),
            _ => status(404, "NotFound"),
        }
    }
}

fn pod(name: &str) -> Value {
    json!({
        "kind": "Pod", "metadata": { "name": name, "namespace": "shop", "uid": "u-1" },
        "spec": { "containers": [{ "name": "web", "env": [{ "name": "K", "value": "env-s3cret" }] }] },
        "status": { "phase": "Running", "containerStatuses": [{ "name": "web", "ready": true }] },
    })
}

fn status(code: u16, reason: &str) -> (u16, &'static str, String) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
        "message": "in its own words",
    });
    (code, "application/json", body.to_string())
}

/// As aws-iam-authenticator reads tokens: who asks is told by AWS, for this cluster alone.
fn known(head: &Parts, own: &str) -> Result<()> {
    let shown = head.headers.get("authorization").context("no token")?.to_str()?;
    let token = shown.strip_prefix("Bearer ").context("no bearer token")?;
    let Some(encoded) = token.strip_prefix("k8s-aws-v1.") else {
        ensure!(token == own, "an unknown token");
        return Ok(());
    };
    let url = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(encoded)?)?;
    ensure!(url.starts_with("https://sts.us-east-1.amazonaws.com/?"), "another host: {url}");
    ensure!(url.contains("Action=GetCallerIdentity"), "another action: {url}");
    let [(_, key), (_, secret), _] = CREDENTIALS;
    let signed = verify_presigned(&url, &[("x-k8s-aws-id", CLUSTER)], secret)?;
    let scope = (signed.key.as_str(), signed.region.as_str(), signed.service.as_str());
    ensure!(scope == (key, "us-east-1", "sts"), "signed for {scope:?}");
    ensure!(signed.headers == ["host", "x-k8s-aws-id"], "another cluster could be shown it");
    Ok(())
}

async fn serve_eks(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request: Request<Incoming>| {
            let told = state.eks(&request.into_parts().0);
            let (status, value) = told.unwrap_or_else(|error| {
                lock(&state.refused).push(format!("{error:#}"));
                (403, json!({ "__type": "AccessDeniedException", "message": format!("{error:#}") }))
            });
            async move { answer(status, "application/json", value.to_string()) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn serve_api(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        let service = service_fn(move |request: Request<Incoming>| {
            let state = Arc::clone(&state);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let fault = *lock(&state.fault);
                let follows = head.uri.query().is_some_and(|query| query.contains("follow=true"));
                if let Some(log) =
                    lock(&state.log).take_if(|_| follows && state.known(&head).is_ok())
                {
                    return Ok(going_on(log));
                }
                let (code, kind, text) = match fault {
                    Fault::Well => state.api(&head, &body),
                    Fault::Status(code, reason) => status(code, reason),
                    Fault::Garbage => (200, "application/json", "}{".to_owned()),
                    Fault::Slow => std::future::pending().await,
                };
                answer(code, kind, text)
            }
        });
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let _ended =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// What is written, as it is written.
fn going_on(log: mpsc::UnboundedReceiver<Bytes>) -> Response<Body> {
    let frames = stream::unfold(log, async |mut log| {
        Some((Ok::<_, Infallible>(Frame::data(log.recv().await?)), log))
    });
    let mut response = Response::new(StreamBody::new(Box::pin(frames)).boxed_unsync());
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/plain"));
    response
}

fn answer(status: u16, kind: &'static str, text: String) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Full::from(text).boxed_unsync());
    *response.status_mut() = status.try_into().unwrap_or_default();
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(kind));
    Ok(response)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
