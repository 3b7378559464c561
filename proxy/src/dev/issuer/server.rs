//! The issuer's web server.
//!
//! Enters: connections from this machine. Leaves: discovery, keys and tokens, as JSON. Never: more
//! than a few connections at once; a body beyond 8 KiB; an answer to a `Host` that is not its own
//! (DNS rebinding).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::form::Form;
use super::grant::Problem;
use super::{LIFETIME, State};

/// Where the public key is.
pub(super) const JWKS: &str = "/.well-known/jwks.json";

/// Where tokens are asked for.
pub(super) const TOKEN: &str = "/oauth2/token";

/// Where discovery documents are looked for: by OpenID Connect, and by RFC 8414.
const DISCOVERY: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The largest token request, in bytes.
const MOST_BYTES: usize = 8 * 1024;

/// How many connections are served at once; others wait.
const MOST_CONNECTIONS: usize = 64;

/// How long one connection, which is one request, may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Answer = Response<Full<Bytes>>;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = Arc::clone(&state);
                connections.spawn(async move {
                    connection(stream, state).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, most likely: let some be returned.
            Err(error) => {
                tracing::warn!(%error, "the development issuer could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(&state, request).await) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(PATIENCE, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection to the development issuer broke"),
        Err(_) => tracing::debug!("a connection to the development issuer took too long"),
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Answer {
    if !is_own_host(state, request.headers()) {
        let problem = format!("this issuer is only reached as {}", state.url);
        return reply(StatusCode::FORBIDDEN, &json!({ "error": problem }));
    }
    let path = request.uri().path().to_owned();
    let read = request.method() == Method::GET || request.method() == Method::HEAD;
    if path == TOKEN {
        if request.method() != Method::POST {
            return not_allowed("POST");
        }
        return token(state, request).await;
    }
    if path != JWKS && !DISCOVERY.contains(&path.as_str()) {
        let places = [DISCOVERY[0], JWKS, TOKEN].join(", ");
        let problem = format!("nothing here; try {places}");
        return reply(StatusCode::NOT_FOUND, &json!({ "error": problem }));
    }
    if !read {
        return not_allowed("GET, HEAD");
    }
    if path == JWKS { jwks(state).await } else { reply(StatusCode::OK, &discovery(state)) }
}

async fn jwks(state: &State) -> Answer {
    match state.key.wait().await {
        Some(key) => reply(StatusCode::OK, &key.jwks()),
        None => failed(&super::MintError::NoKey),
    }
}

fn discovery(state: &State) -> Value {
    let scopes: Vec<&str> = state.client.scopes.iter().collect();
    json!({
        "issuer": state.url,
        "jwks_uri": state.jwks_url(),
        "token_endpoint": state.token_url(),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": scopes,
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

async fn token(state: &State, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    if !is_form(&head.headers) {
        return refused(Problem::InvalidRequest);
    }
    let body = match Limited::new(body, MOST_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let error = json!({ "error": Problem::InvalidRequest.as_str() });
            return reply(StatusCode::PAYLOAD_TOO_LARGE, &error);
        }
        Err(_) => return refused(Problem::InvalidRequest),
    };
    let Some(form) = Form::parse(&body) else { return refused(Problem::InvalidRequest) };
    let authorization = match head.headers.get(AUTHORIZATION).map(HeaderValue::to_str) {
        None => None,
        Some(Ok(header)) => Some(header),
        Some(Err(_)) => return refused(Problem::InvalidClient),
    };
    let scopes = match state.client.grant(authorization, &form) {
        Ok(scopes) => scopes,
        Err(problem) => return refused(problem),
    };
    match state.mint(&state.client.id, &scopes, LIFETIME).await {
        Ok(token) => {
            let lifetime = LIFETIME.as_secs();
            let answer =
                json!({"access_token": token, "expires_in": lifetime, "token_type": "Bearer"});
            reply(StatusCode::OK, &answer)
        }
        Err(error) => failed(&error),
    }
}

fn is_own_host(state: &State, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    host == state.address.to_string() || host == format!("localhost:{}", state.address.port())
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Cognito answers 400 whatever the error.
fn refused(problem: Problem) -> Answer {
    reply(StatusCode::BAD_REQUEST, &json!({ "error": problem.as_str() }))
}

fn failed(error: &super::MintError) -> Answer {
    tracing::error!(%error, "no token");
    reply(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "server_error" }))
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = reply(
        StatusCode::METHOD_NOT_ALLOWED,
        &json!({ "error": format!("only {allow} works here") }),
    );
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

fn reply(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::from(body.to_string()));
    *answer.status_mut() = status;
    let fixed: [(HeaderName, &str); 2] =
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    for (name, value) in fixed {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
