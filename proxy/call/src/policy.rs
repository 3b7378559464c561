//! The one decision: may this principal do this?
//!
//! Enters: a principal, and what a target offers or the gateway itself. Leaves: `Permitted`, which nothing else
//! can make, or a refusal. Never: I/O, time or state; lists and calls are judged by the same words.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::explanation::Asks;
use crate::rules::MOST_APPLIED;
use crate::{
    Applied, Asked, Call, Case, Explanation, Frame, Kind, LogLevel, Meta, Method, Mirrored, Plan,
    Principal, Reason, Refusal, Rule, Rules, Scopes, Server, Verdict,
};

/// What a decision is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Using the gateway at all.
    Gateway,
    /// Using one of its servers.
    Server(&'a Server),
    /// Being shown one tool or prompt, or a target's resources; or using it in some way.
    One(&'a Plan),
    /// Using it with these arguments, JSON as it was sent.
    With(&'a Plan, &'a [u8]),
}

/// The rules.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    enforced: bool,
    gateway: Scopes,
    /// Whether the scopes are those of a command line.
    local: bool,
    /// The operator's policies.
    rules: Option<Arc<dyn Rules>>,
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

    /// The call that is meant by one that only names it, if it is such a one.
    fn meant(&self, _: &Call) -> Option<Call> {
        None
    }

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

    const fn plan(self) -> Option<&'a Plan> {
        match self {
            Self::Gateway | Self::Server(_) => None,
            Self::One(plan) | Self::With(plan, _) => Some(plan),
        }
    }

    const fn scopes(self) -> Option<&'a Scopes> {
        match self {
            Self::Gateway => None,
            Self::Server(server) => Some(&server.scopes),
            Self::One(plan) | Self::With(plan, _) => Some(&plan.scopes),
        }
    }

    const fn arguments(self) -> Option<&'a [u8]> {
        match self {
            Self::Gateway | Self::Server(_) | Self::One(_) => None,
            Self::With(_, arguments) => Some(arguments),
        }
    }
}

// === impl Policy ===

impl Policy {
    /// Rules that ask these scopes of every caller, and each tool's own of those that call it.
    #[must_use]
    pub fn scoped(gateway: Scopes) -> Self {
        Self { enforced: true, gateway, local: false, rules: None }
    }

    /// Rules for the one caller whose child process the gateway is: none to come in, and each
    /// tool's own.
    #[must_use]
    pub fn local() -> Self {
        Self { enforced: true, gateway: Scopes::default(), local: true, rules: None }
    }

    /// No rules: for a gateway on loopback without authentication.
    #[must_use]
    pub fn open() -> Self {
        Self::default()
    }

    /// The same, and the operator's policies.
    #[must_use]
    pub fn with(self, rules: Option<Arc<dyn Rules>>) -> Self {
        Self { rules, ..self }
    }

    /// Decides. What is held back is held back from everybody; who lacks a scope, or whom a policy keeps
    /// from it, does not learn of it.
    ///
    /// # Errors
    /// [`Case::ScopeMissing`], naming every scope that the operation needs; [`Case::PolicyDenied`];
    /// [`Reason::Quarantined`].
    pub fn decide(&self, principal: &Principal, subject: Subject<'_>) -> Result<(), Refusal> {
        self.weigh(principal, subject, None)
    }

    /// Decides on something that a call is for, by the arguments that it has.
    ///
    /// # Errors
    /// As [`Policy::decide`]; with an explanation, and as if it were unknown where a policy does not let
    /// the caller know of it.
    pub fn judge(&self, call: &Call, plan: &Plan) -> Result<(), Refusal> {
        let subject = match arguments(call, plan) {
            Some(arguments) => Subject::With(plan, arguments),
            None => Subject::One(plan),
        };
        self.decide(&call.principal, subject).map_err(|refusal| self.told(call, subject, refusal))
    }

    /// Decides whether the caller may come in at all, to the gateway and the server it calls.
    ///
    /// # Errors
    /// As [`Policy::decide`], with an explanation.
    pub fn enter(&self, call: &Call) -> Result<(), Refusal> {
        let subject = Subject::of(call.server.as_deref());
        self.decide(&call.principal, subject).map_err(|refusal| self.told(call, subject, refusal))
    }

    /// The same decision, with every rule and what it looked at.
    #[must_use]
    pub fn explain(&self, principal: &Principal, subject: Subject<'_>) -> Explanation {
        let mut explanation = Explanation::begin(principal, subject.plan());
        let decided = self.weigh(principal, subject, Some(&mut explanation));
        explanation.allowed = decided.is_ok();
        explanation
    }

    /// Goes through the rules. The first that refuses decides; who wants an explanation gets all of them.
    fn weigh(
        &self,
        principal: &Principal,
        subject: Subject<'_>,
        mut told: Option<&mut Explanation>,
    ) -> Result<(), Refusal> {
        let mut decided = self.scoped_to(principal, subject, told.as_deref_mut());
        let Some(plan) = subject.plan() else { return decided };
        if decided.is_ok() || told.is_some() {
            decided = decided.and(self.ruled(principal, subject, told.as_deref_mut()));
        }
        if let Some(told) = told {
            told.push(Rule::Quarantine { allowed: !plan.quarantined });
        }
        match decided {
            Ok(()) if plan.quarantined => Err(quarantined(plan)),
            decided => decided,
        }
    }

    fn scoped_to(
        &self,
        principal: &Principal,
        subject: Subject<'_>,
        told: Option<&mut Explanation>,
    ) -> Result<(), Refusal> {
        if !self.enforced {
            return Ok(());
        }
        let (held, more) = (&principal.scopes, subject.scopes());
        if let Some(told) = told {
            told.push(Rule::GatewayScopes(Asks::of(&self.gateway, held)));
            let rule = |asks| match subject {
                Subject::Gateway | Subject::Server(_) => Rule::ServerScopes(asks),
                Subject::One(_) | Subject::With(..) => Rule::ToolScopes(asks),
            };
            if let Some(more) = more {
                told.push(rule(Asks::of(more, held)));
            }
        }
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

    fn ruled(
        &self,
        principal: &Principal,
        subject: Subject<'_>,
        told: Option<&mut Explanation>,
    ) -> Result<(), Refusal> {
        let Some((rules, plan)) = self.rules.as_ref().zip(subject.plan()) else { return Ok(()) };
        let asked = Asked { principal, plan, arguments: subject.arguments() };
        let verdict = match told {
            None => rules.judge(&asked, None),
            Some(told) => {
                let mut applied = Vec::new();
                let verdict = rules.judge(&asked, Some(&mut applied));
                told.push(applied_rule(&asked, verdict, applied));
                verdict
            }
        };
        if verdict.allows() { Ok(()) } else { Err(denied()) }
    }

    /// What the caller and the operator are told of a refusal.
    fn told(&self, call: &Call, subject: Subject<'_>, refusal: Refusal) -> Refusal {
        let principal = &call.principal;
        let explanation = self.explain(principal, subject);
        let refusal = match (refusal.case(), subject.plan()) {
            (Case::PolicyDenied, Some(plan)) => {
                // With other arguments it might be allowed: then the caller sees it in its lists.
                let seen = self.decide(principal, Subject::One(plan)).is_ok();
                let name = call.name.as_deref().unwrap_or(&plan.full);
                let refusal = if seen { refusal } else { Refusal::unknown(plan.kind, name) };
                let by = explanation.refused_by.as_deref().unwrap_or_default();
                refusal.detail(format!("refused by {by}"))
            }
            _ => refusal,
        };
        refusal.explained(explanation)
    }

    /// Decides on a call, and makes the proof.
    ///
    /// # Errors
    /// As [`Policy::judge`] and [`Policy::enter`].
    pub fn permit(&self, call: Call, plan: Option<Arc<Plan>>) -> Result<Permitted, Refusal> {
        match plan.as_deref() {
            Some(plan) => self.judge(&call, plan)?,
            None => self.enter(&call)?,
        }
        let log_level = call.meta.log_level;
        Ok(Permitted { call, plan, log_level, mirrored: Vec::new() })
    }
}

/// The arguments of a call that has some; none at all are an empty object.
fn arguments<'a>(call: &'a Call, plan: &Plan) -> Option<&'a [u8]> {
    let takes = matches!(
        (call.method, plan.kind),
        (Method::ToolsCall, Kind::Tool) | (Method::PromptsGet, Kind::Prompt)
    );
    takes.then(|| call.frame.arguments().unwrap_or(b"{}"))
}

fn applied_rule(asked: &Asked<'_>, verdict: Verdict, mut applied: Vec<Applied>) -> Rule {
    // Those that refuse come first: they must not be cut off.
    applied.sort_by_key(|one| one.effect == crate::Effect::Permit);
    applied.truncate(MOST_APPLIED);
    let arguments_known = asked.arguments.is_some();
    Rule::Policy { allowed: verdict.allows(), arguments_known, applied }
}

fn denied() -> Refusal {
    Refusal::new(Case::PolicyDenied, "the policies of this gateway do not allow this call")
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
