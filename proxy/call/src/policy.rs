//! The one decision: may this principal do this?
//!
//! Enters: a principal, and what a target offers or the gateway itself. Leaves: `Permitted`, which nothing else
//! can make, or a refusal. Never: I/O, time or state; lists and calls are judged by the same words.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{
    Call, Case, Frame, Kind, LogLevel, Meta, Method, Mirrored, Plan, Principal, Reason, Refusal,
    Scopes, Server,
};

/// What a decision is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Using the gateway at all.
    Gateway,
    /// Using one of its servers.
    Server(&'a Server),
    /// Using, or being shown, one tool or prompt, or a target's resources.
    One(&'a Plan),
}

/// The rules.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    enforced: bool,
    gateway: Scopes,
    /// Whether the scopes are those of a command line.
    local: bool,
}

/// A call that was allowed. Only [`Policy::permit`] makes one.
#[derive(Clone, Debug)]
pub struct Permitted {
    call: Call,
    plan: Option<Arc<Plan>>,
    log_level: Option<LogLevel>,
    mirrored: Vec<Mirrored>,
}

/// Something being looked up.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Arc<Plan>, Refusal>> + Send + 'a>>;

/// What is on offer, by the names (for resources: the URIs) that callers use.
pub trait Directory: Send + Sync + std::fmt::Debug {
    /// What goes by that name at that server (`None`: at the gateway as a whole), if the lists at
    /// hand have it. The scopes of its plan are those of the server, too.
    fn lookup(&self, server: Option<&Server>, kind: Kind, exposed: &str) -> Option<Arc<Plan>>;

    /// What goes by that name there, asking targets whose lists are not at hand.
    fn resolve<'a>(
        &'a self,
        server: Option<&'a Server>,
        kind: Kind,
        exposed: &'a str,
    ) -> Resolving<'a>;

    /// The task that a call is about, as what may be done with it.
    ///
    /// # Errors
    /// Why there is none for that caller: what is another's is as unknown to it as what never was.
    fn task(&self, call: &Call) -> Result<Arc<Plan>, Refusal> {
        Err(Refusal::new(
            Case::MethodUnknown,
            format!("`{}` is not served here", call.method.label()),
        ))
    }
}

// === impl Subject ===

impl<'a> Subject<'a> {
    /// Using that server, or the gateway as a whole.
    #[must_use]
    pub fn of(server: Option<&'a Server>) -> Self {
        server.map_or(Self::Gateway, Self::Server)
    }
}

// === impl Policy ===

impl Policy {
    /// Rules that ask these scopes of every caller, and each tool's own of those that call it.
    #[must_use]
    pub const fn scoped(gateway: Scopes) -> Self {
        Self { enforced: true, gateway, local: false }
    }

    /// Rules for the one caller whose child process the gateway is: none to come in, and each
    /// tool's own.
    #[must_use]
    pub fn local() -> Self {
        Self { enforced: true, gateway: Scopes::default(), local: true }
    }

    /// No rules: for a gateway on loopback without authentication.
    #[must_use]
    pub fn open() -> Self {
        Self::default()
    }

    /// Decides. What is held back is held back from everybody; who lacks a scope does not learn of it.
    ///
    /// # Errors
    /// [`Case::ScopeMissing`], naming every scope that the operation needs; [`Reason::Quarantined`].
    pub fn decide(&self, principal: &Principal, subject: Subject<'_>) -> Result<(), Refusal> {
        self.scoped_to(principal, subject)?;
        match subject {
            Subject::One(plan) if plan.quarantined => Err(quarantined(plan)),
            Subject::One(_) | Subject::Server(_) | Subject::Gateway => Ok(()),
        }
    }

    fn scoped_to(&self, principal: &Principal, subject: Subject<'_>) -> Result<(), Refusal> {
        if !self.enforced {
            return Ok(());
        }
        let more = match subject {
            Subject::Gateway => None,
            Subject::Server(server) => Some(&server.scopes),
            Subject::One(plan) => Some(&plan.scopes),
        };
        let held = &principal.scopes;
        if held.covers(&self.gateway) && more.is_none_or(|more| held.covers(more)) {
            return Ok(());
        }
        // Only who is refused needs them in one.
        let needed = more.map_or_else(|| self.gateway.clone(), |more| self.gateway.union(more));
        let message = if self.local {
            format!("this needs the scopes: {needed}; they are given by `--scopes` at the start")
        } else {
            format!("this needs a token with the scopes: {needed}")
        };
        Err(Refusal::new(Case::ScopeMissing, message).needing(needed))
    }

    /// Decides on a call, and makes the proof.
    ///
    /// # Errors
    /// As [`Policy::decide`].
    pub fn permit(&self, call: Call, plan: Option<Arc<Plan>>) -> Result<Permitted, Refusal> {
        let subject = plan.as_deref().map_or(Subject::of(call.server.as_deref()), Subject::One);
        self.decide(&call.principal, subject)?;
        let log_level = call.meta.log_level;
        Ok(Permitted { call, plan, log_level, mirrored: Vec::new() })
    }
}

fn quarantined(plan: &Plan) -> Refusal {
    let Plan { target, full, .. } = plan;
    let message = format!(
        "`{full}` is quarantined: what `{target}` says of it was not approved; it is not called. \
         The gateway's operator sees the difference with `toolgate pins diff`"
    );
    Refusal::target(Reason::Quarantined, target, message)
}

// === impl Permitted ===

impl Permitted {
    /// The call.
    #[must_use]
    pub const fn call(&self) -> &Call {
        &self.call
    }

    /// Another message about the same thing for the same caller, which the gateway sends on the way
    /// to what was allowed.
    #[must_use]
    pub fn instead(&self, method: Method, frame: Frame) -> Self {
        let call = Call { method, frame, meta: Meta::default(), ..self.call.clone() };
        let plan = self.plan.as_ref().map(Arc::clone);
        Self { call, plan, log_level: None, mirrored: Vec::new() }
    }

    /// What it is for, if it is for something that a target offers.
    #[must_use]
    pub const fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// Its caller wants log messages of that level and above.
    pub const fn set_log_level(&mut self, log_level: Option<LogLevel>) {
        self.log_level = log_level;
    }

    /// From which level on its caller wants log messages; `None`: it has not said.
    #[must_use]
    pub const fn log_level(&self) -> Option<LogLevel> {
        self.log_level
    }

    /// These arguments stand beside the body, for a target that reads them there.
    pub fn set_mirrored(&mut self, mirrored: Vec<Mirrored>) {
        self.mirrored = mirrored;
    }

    /// Arguments that stand beside the body as well, decoded.
    #[must_use]
    pub fn mirrored(&self) -> &[Mirrored] {
        &self.mirrored
    }
}
