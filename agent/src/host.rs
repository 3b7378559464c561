//! What stands behind the faces: the agent, who may ask it, how it does.
//!
//! Enters: the head of a request, a token that somebody signs in with. Leaves: a verified actor,
//! the models there are, what is ready. Never: a token, once it has been looked at; a reason for a
//! refusal that helps whoever guesses.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use serde::Serialize;
use toolgate_agent_memory::Actor;

use crate::turn::Agent;

/// What comes of asking the host.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A model as faces show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelCard {
    /// Its key in the catalogue, by which it is asked for.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// The provider's id.
    pub id: String,
    /// Who serves it.
    pub provider: &'static str,
    /// Whether it is the one that answers unless another is asked for.
    pub default: bool,
}

/// Somebody may not ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{says}")]
pub struct Denied {
    /// 401 without a good token, 403 with one that does not allow this, 503 if nobody can tell.
    pub status: u16,
    /// A sentence for whoever asked.
    pub says: String,
    /// The value of `WWW-Authenticate`, with a 401.
    pub challenge: Option<String>,
}

/// Somebody has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub actor: Actor,
    /// When the token that was shown ends.
    pub expires: SystemTime,
}

/// Whether it can work, part by part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Whether every part is well that it cannot do without.
    pub ok: bool,
    /// The parts.
    pub parts: Vec<Part>,
}

/// A part that the agent stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `model`, `gateway`, `memory`, `settings`, …
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// Whether the agent cannot do without it.
    pub required: bool,
    /// A sentence for the operator.
    pub says: String,
}

/// What it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// The agent's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it runs: `dev`, `prod`, …
    pub environment: String,
    /// Where the gateway is, for people to read.
    pub gateway: Option<String>,
}

/// What stands behind the faces.
pub trait Host: fmt::Debug + Send + Sync {
    /// The agent.
    fn agent(&self) -> &Arc<Agent>;

    /// The models that there are, in the order in which they are offered.
    fn models(&self) -> Vec<ModelCard>;

    /// Whoever sends a request with this head (`Authorization`).
    ///
    /// # Errors
    /// They may not ask.
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap) -> Asking<'a, Result<Actor, Denied>>;

    /// Whoever shows this token to sign in to the page.
    ///
    /// # Errors
    /// They may not.
    fn sign_in<'a>(&'a self, token: &'a str) -> Asking<'a, Result<SignedIn, Denied>>;

    /// Whoever asks without a token. Only an agent that listens on loopback alone has one.
    fn open(&self) -> Option<Actor>;

    /// How the parts do. Must not take longer than a moment.
    fn ready(&self) -> Asking<'_, Ready>;

    /// Where the trace of that id can be looked at.
    fn trace_link(&self, trace: &str) -> Option<String>;

    /// Questions that work with the tools that there are, as whole sentences.
    fn examples(&self) -> Vec<String>;

    /// What it is.
    fn about(&self) -> About;
}

// === impl Denied ===

impl Denied {
    /// There was no token, or none that is good.
    #[must_use]
    pub fn unauthenticated(says: impl Into<String>) -> Self {
        Self { status: 401, says: says.into(), challenge: Some("Bearer".to_owned()) }
    }
}
