//! A fake authorization server: the endpoints and the metadata of one issuer, and no more. Whoever is said to
//! sit in front of the browser agrees to everything, or to nothing.
//!
//! In: how it is to behave, and the secret that its client has. Out: tokens of random text, a record of all
//! it was asked, and whether a token is good. It checks the client and its grant as RFC 6749 and RFC
//! 8693 say; it signs nothing, and whatever subject token it is shown is good.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The client that it knows.
pub const CLIENT: &str = "gateway";
/// What begins each of its tokens.
pub const TOKEN: &str = "canary4711-token-";

/// What begins each of its refresh tokens.
pub const REFRESH: &str = "canary4711-refresh-";
/// What begins each of its codes.
pub const CODE: &str = "canary4711-code-";

const AUTHORIZE: &str = "/authorize";
const METADATA: &str = "/.well-known/oauth-authorization-server";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// It never answers.
    Hang,
    /// It answers with that status.
    Status(u16),
    /// It answers 200 with a page.
    Page,
    /// It gives tokens that it does not take.
    Lie,
}

/// What it was asked: the form.
pub type Asked = BTreeMap<String, String>;

/// A running fake; dropping it closes its port.
#[derive(Debug)]
pub struct FakeDesk {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    mood: Mood,
    secret: String,
    life: Duration,
    asked: Vec<Asked>,
    /// Tokens with their ends, and whose they are.
    given: BTreeMap<String, (Instant, Option<String>)>,
    count: usize,
    /// Who sits in front of the browser; `None`: somebody who says no.
    user: Option<String>,
    /// Whether it gives refresh tokens.
    renews: bool,
    codes: BTreeMap<String, Agreed>,
    /// Refresh tokens that are good, and whose they are.
    renewals: BTreeMap<String, String>,
}

/// What a user has agreed to.
#[derive(Debug)]
struct Agreed {
    user: String,
    challenge: String,
    redirect: String,
}

// === impl FakeDesk ===

impl FakeDesk {
    /// Listens on a free loopback port, for a client with that secret.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(secret: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Well,
            secret: secret.to_owned(),
            life: Duration::from_secs(3600),
            asked: Vec::new(),
            given: BTreeMap::new(),
            count: 0,
            user: Some("alice".to_owned()),
            renews: true,
            codes: BTreeMap::new(),
            renewals: BTreeMap::new(),
        }));
        let server = tokio::spawn(serve(listener, address, Arc::clone(&state)));
        Ok(Self { state, address, server })
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("http://{}/oauth2/token", self.address)
    }

    /// Its authorization endpoint.
    #[must_use]
    pub fn authorize_url(&self) -> String {
        format!("http://{}{AUTHORIZE}?prompt=consent", self.address)
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who sits in front of the browser from now on; `None`: somebody who says no.
    pub fn user(&self, user: Option<&str>) {
        lock(&self.state).user = user.map(str::to_owned);
    }

    /// Gives no refresh tokens from now on.
    pub fn renews_nothing(&self) {
        lock(&self.state).renews = false;
    }

    /// Takes back what all users have agreed to.
    pub fn take_back(&self) {
        let mut state = lock(&self.state);
        state.given.clear();
        state.renewals.clear();
    }

    /// How it behaves from now on.
    pub fn is(&self, mood: Mood) {
        lock(&self.state).mood = mood;
    }

    /// The secret of its client from now on.
    pub fn rotate(&self, secret: &str) {
        secret.clone_into(&mut lock(&self.state).secret);
    }

    /// How long its tokens are good from now on.
    pub fn gives(&self, life: Duration) {
        lock(&self.state).life = life;
    }

    /// Takes none of the tokens any more that it has given.
    pub fn revoke(&self) {
        lock(&self.state).given.clear();
    }

    /// All that it was asked.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.state).asked.clone()
    }

    /// Whether a request shows one of its tokens that is good.
    pub fn takes(&self) -> impl Fn(&Parts, &[u8]) -> bool + Send + Sync + 'static {
        let state = Arc::clone(&self.state);
        move |head, _| {
            let shown = head.headers.get("authorization").and_then(|value| value.to_str().ok());
            let token = shown.and_then(|shown| shown.strip_prefix("Bearer ")).unwrap_or_default();
            lock(&state).given.get(token).is_some_and(|(end, _)| Instant::now() < *end)
        }
    }

    /// Whose that token is: what it was exchanged for.
    #[must_use]
    pub fn whose(&self, token: &str) -> Option<String> {
        lock(&self.state).given.get(token).and_then(|(_, whose)| whose.clone())
    }
}

impl Drop for FakeDesk {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === impl State ===

impl State {
    fn grant(&mut self, head: &Parts, body: &[u8]) -> (u16, Value) {
        let form = form(&String::from_utf8_lossy(body));
        self.asked.push(form.clone());
        if !self.knows(head, &form) {
            return (401, json!({ "error": "invalid_client" }));
        }
        let whose = match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") => None,
            Some("authorization_code") => match self.redeemed(&form) {
                Some(user) => Some(user),
                None => return (400, json!({ "error": "invalid_grant" })),
            },
            // A refresh token is good once.
            Some("refresh_token") => {
                match form.get("refresh_token").and_then(|token| self.renewals.remove(token)) {
                    Some(user) => Some(user),
                    None => return (400, json!({ "error": "invalid_grant" })),
                }
            }
            Some(EXCHANGE) => match form.get("subject_token") {
                Some(token) => Some(token.clone()),
                None => return (400, json!({ "error": "invalid_request" })),
            },
            _ => return (400, json!({ "error": "unsupported_grant_type" })),
        };
        self.count += 1;
        let token = format!("{TOKEN}{}", self.count);
        let user = whose.clone();
        if self.mood != Mood::Lie {
            self.given.insert(token.clone(), (Instant::now() + self.life, whose));
        }
        let life = self.life.as_secs();
        let mut answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": life,
                      "issued_token_type": "urn:ietf:params:oauth:token-type:access_token" });
        let by_user = !form.contains_key("subject_token");
        if let Some(user) = user.filter(|_| by_user && self.renews) {
            let refresh = format!("{REFRESH}{}", self.count);
            if let Some(members) = answer.as_object_mut() {
                members.insert("refresh_token".to_owned(), refresh.clone().into());
            }
            self.renewals.insert(refresh, user);
        }
        (200, answer)
    }

    /// Whose code it is, which is good once, and for who can show what the challenge was made of.
    fn redeemed(&mut self, form: &Asked) -> Option<String> {
        let agreed = self.codes.remove(form.get("code")?)?;
        let hash = digest(&SHA256, form.get("code_verifier")?.as_bytes());
        let shown = URL_SAFE_NO_PAD.encode(hash) == agreed.challenge;
        (shown && *form.get("redirect_uri")? == agreed.redirect).then_some(agreed.user)
    }

    /// The user agrees, or does not: where the browser goes.
    fn agree(&mut self, query: &str) -> Option<String> {
        let asked = form(query);
        let is = |name: &str, value: &str| asked.get(name).is_some_and(|said| said == value);
        let good = is("response_type", "code")
            && is("client_id", CLIENT)
            && is("code_challenge_method", "S256")
            && is("prompt", "consent");
        if !good {
            return None;
        }
        let (redirect, state) = (asked.get("redirect_uri")?.clone(), asked.get("state")?);
        let Some(user) = self.user.clone() else {
            return Some(format!("{redirect}?error=access_denied&state={state}"));
        };
        self.count += 1;
        let code = format!("{CODE}{}", self.count);
        let challenge = asked.get("code_challenge")?.clone();
        let back = format!("{redirect}?code={code}&state={state}");
        self.codes.insert(code, Agreed { user, challenge, redirect });
        Some(back)
    }

    fn knows(&self, head: &Parts, form: &Asked) -> bool {
        let shown = head.headers.get("authorization").and_then(|value| value.to_str().ok());
        let basic = shown.and_then(|shown| shown.strip_prefix("Basic "));
        let pair = basic.and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok());
        let in_form = || Some(format!("{}:{}", form.get("client_id")?, form.get("client_secret")?));
        pair.or_else(in_form).is_some_and(|pair| pair == format!("{CLIENT}:{}", self.secret))
    }
}

async fn serve(listener: TcpListener, address: SocketAddr, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), address, request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A gateway that is killed breaks off, which is no failure of a test.
            drop(served.await);
        });
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mood = lock(&state).mood;
    let (status, text) = match mood {
        Mood::Hang => std::future::pending().await,
        Mood::Status(status) => {
            lock(&state).asked.push(form(&String::from_utf8_lossy(&body)));
            (status, "canary4711-words-of-the-issuer".to_owned())
        }
        Mood::Page => (200, "<html>canary4711-words-of-the-issuer</html>".to_owned()),
        Mood::Well | Mood::Lie if head.uri.path() == METADATA => {
            let issuer = format!("http://{address}");
            let endpoint = format!("{issuer}/oauth2/token");
            (200, json!({ "issuer": issuer, "token_endpoint": endpoint }).to_string())
        }
        Mood::Well | Mood::Lie if head.uri.path() == AUTHORIZE => {
            let back = lock(&state).agree(head.uri.query().unwrap_or_default());
            let mut response = Response::new(Full::default());
            *response.status_mut() =
                back.as_ref().map_or(400, |_| 302).try_into().unwrap_or_default();
            if let Some(Ok(back)) = back.map(TryInto::try_into) {
                response.headers_mut().insert("location", back);
            }
            return Ok(response);
        }
        Mood::Well | Mood::Lie => {
            let (status, answer) = lock(&state).grant(&head, &body);
            (status, answer.to_string())
        }
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status.try_into().unwrap_or_default();
    Ok(response)
}

/// A form, decoded.
fn form(text: &str) -> Asked {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

fn decoded(value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), value.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
