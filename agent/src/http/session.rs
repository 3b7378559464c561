//! Signing in to the page.
//!
//! In: a token, once. Out: a cookie that scripts cannot read. Never: the token, once it was
//! looked at; a session that outlives the token.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{COOKIE, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use toolgate_agent_memory::Actor;

use super::Served;
use super::problem::Problem;
use super::runtime::of_body;

/// Sessions that are kept, and the longest.
const MOST: usize = 1_024;
const LONGEST: Duration = Duration::from_hours(12);
const NAME: &str = "toolgate-agent";

/// Who has signed in, by their cookies.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, (Actor, SystemTime)>>);

/// What is sent to sign in.
#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
}

// === impl Sessions ===

impl Sessions {
    fn begin(&self, actor: Actor, ends: SystemTime) -> Option<String> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let id = URL_SAFE_NO_PAD.encode(bytes);
        let now = SystemTime::now();
        let mut all = self.all();
        if all.len() >= MOST {
            all.retain(|_, (_, ends)| *ends > now);
        }
        if all.len() >= MOST {
            return None;
        }
        all.insert(id.clone(), (actor, ends.min(now + LONGEST)));
        Some(id)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, (Actor, SystemTime)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who signed in with the cookie of this request.
pub(super) fn actor(sessions: &Sessions, headers: &HeaderMap) -> Option<Actor> {
    let all = sessions.all();
    let (actor, ends) = all.get(cookie(headers)?)?;
    (*ends > SystemTime::now()).then(|| actor.clone())
}

pub(super) async fn sign_in(
    State(shared): State<Served>,
    headers: HeaderMap,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(SignIn { token }) = body.map_err(|rejection| of_body(&rejection))?;
    let signed = shared.host.sign_in(token.trim()).await?;
    let id = shared.sessions.begin(signed.actor.clone(), signed.expires).ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many are signed in; try again later")
    })?;
    // The browser says by which way the page came, whatever stands in between.
    let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok());
    let is_tls = origin.is_some_and(|origin| origin.starts_with("https://"));
    let secure = if is_tls { "; Secure" } else { "" };
    let cookie = format!("{NAME}={id}; Path=/; HttpOnly; SameSite=Strict{secure}");
    let body = Json(json!({ "actor": signed.actor.as_str() }));
    Ok(([(SET_COOKIE, cookie)], body).into_response())
}

pub(super) async fn sign_out(State(shared): State<Served>, headers: HeaderMap) -> Response {
    if let Some(id) = cookie(&headers) {
        shared.sessions.all().remove(id);
    }
    let gone = format!("{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    std::future::ready(([(SET_COOKIE, gone)], StatusCode::NO_CONTENT).into_response()).await
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == NAME).map(|(_, id)| id.trim())
}
