//! A modern target that asks for input, for a client of the older era that is asked by requests.
//!
//! Enters: a call and the first answer to it. Leaves: a stream on which the client is asked, the
//! call repeated with its answers, round for round, and the last answer in the client's words.
//! Never: a question that the client has not declared; never more than ten rounds, nor one with a
//! tool that is held back by now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use toolgate_call::{
    Abilities, Answer, AskKind, Body, Case, Era, Event, Op, Outbound, PATIENCE, Phase, RawJson,
    Reason, Refusal, Reply, Respond, Said, Version, member, object,
};
use toolgate_telemetry::{QuestionEnd, Telemetry};
use tower::ServiceExt as _;

use super::ask::{Asked, Asks};
use crate::TargetSvc;
use crate::ask::{Wanted, older_params, older_request};
use crate::bridge::{Way, answer_for};
use crate::router::Still;
use crate::script::{Emit, script};

/// How often a target may ask again in one call.
const ROUNDS: usize = 10;

/// What the rounds of one call have in common.
pub(crate) struct Rounds {
    pub(crate) asks: Asks,
    pub(crate) session: String,
    pub(crate) version: Version,
    pub(crate) way: Way,
    pub(crate) target: TargetSvc,
    pub(crate) outbound: Outbound,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) still: Still,
}

/// A question on its way.
struct Pending {
    key: String,
    kind: AskKind,
    answer: oneshot::Receiver<Said>,
    asked: Asked,
}

// === impl Rounds ===

impl Rounds {
    /// The whole of it as a stream.
    pub(crate) fn reply(self, first: Reply) -> Reply {
        Reply::stream(Era::Legacy, script(move |emit| async move { self.run(first, emit).await }))
    }

    async fn run(self, first: Reply, emit: Emit) -> Result<Answer, Refusal> {
        let mut reply = first;
        for round in 0..=ROUNDS {
            let Reply { body, guards, .. } = reply;
            let answer = hear(body, &emit).await?;
            let Some(wanted) = Wanted::of(&answer) else { return answer_for(answer, self.way) };
            if round == ROUNDS {
                break;
            }
            // The target has said all that it will: its place is free while the client thinks.
            drop(guards);
            let more = self.ask(&wanted, &emit).await?;
            let outbound = Outbound { more: Some(more.into()), ..self.outbound.clone() };
            self.decide()?;
            reply = self.target.clone().oneshot(outbound).await?;
        }
        Err(self.at_fault("asks again and again, and the gateway has stopped passing it on"))
    }

    /// Whether the call may still be made: time has passed while the client thought.
    fn decide(&self) -> Result<(), Refusal> {
        match &self.outbound.op {
            Op::Call(permitted) => self.still.allows(permitted),
            Op::List { .. } | Op::Describe | Op::Probe => Ok(()),
        }
    }

    /// Asks all that is wanted; gives back the members of `params` that answer it.
    async fn ask(&self, wanted: &Wanted, emit: &Emit) -> Result<String, Refusal> {
        let mut pending = Vec::with_capacity(wanted.requests.len());
        for (key, method, params) in &wanted.requests {
            let kind = AskKind::of(method, params).ok_or_else(|| self.undeclared())?;
            if !self.abilities().has(kind.needs(params)) {
                self.telemetry.gateway.question(kind, QuestionEnd::Declined);
                return Err(self.undeclared());
            }
            let (sender, answer) = oneshot::channel();
            let telemetry = Arc::clone(&self.telemetry);
            let respond = Respond::new(move |said| {
                telemetry.gateway.question(kind, QuestionEnd::of(&said));
                drop(sender.send(said));
            });
            let (id, asked) = match self.asks.ask(&self.session, respond) {
                Ok(asked) => asked,
                Err(respond) => {
                    respond.say(Said::Overloaded);
                    return Err(too_many());
                }
            };
            let params = older_params(kind, params, self.version);
            pending.push(Pending { key: key.clone(), kind, answer, asked });
            self.outbound.ledger.enter(Phase::Write);
            emit.event(Event::Notice(older_request(&id, kind, &params))).await;
        }
        let limit = PATIENCE.min(self.outbound.deadline.left(Instant::now()));
        let until = tokio::time::Instant::now() + limit;
        let mut answers = Vec::with_capacity(pending.len());
        for pending in pending {
            self.outbound.ledger.enter(Phase::Write);
            answers.push(member(&pending.key.clone(), &self.answer(pending, until, limit).await?));
        }
        self.outbound.ledger.enter(Phase::Authorize);
        Ok(members(&answers, wanted.state.as_ref()))
    }

    /// What the client says to one question.
    async fn answer(
        &self,
        pending: Pending,
        until: tokio::time::Instant,
        limit: Duration,
    ) -> Result<String, Refusal> {
        let Pending { kind, answer, asked, .. } = pending;
        let said = match tokio::time::timeout_at(until, answer).await {
            Ok(said) => said.unwrap_or(Said::Abandoned),
            Err(_) => {
                asked.expire();
                Said::Expired
            }
        };
        match said {
            Said::Result(raw) => Ok(String::from_utf8_lossy(raw.as_bytes()).into_owned()),
            // 2026-07-28 has no word for an error here; a dialog that failed was not filled in.
            Said::Error(_) if matches!(kind, AskKind::Form | AskKind::Url) => {
                Ok(r#"{"action":"cancel"}"#.to_owned())
            }
            Said::Error(_) => Err(refused()),
            Said::Expired | Said::Overloaded | Said::Abandoned => Err(unanswered(limit)),
        }
    }

    const fn abilities(&self) -> Abilities {
        self.outbound.abilities
    }

    fn undeclared(&self) -> Refusal {
        self.at_fault("asks the client for something that it has not declared it can do")
    }

    fn at_fault(&self, what: &str) -> Refusal {
        let target =
            self.outbound.plan().map_or_else(|| Arc::from(""), |plan| Arc::clone(&plan.target));
        let message = format!("`{target}` {what}");
        Refusal::target(Reason::UpstreamProtocol, &target, message).after_send()
    }
}

/// The answer at the end; what comes before it is told.
async fn hear(body: Body, emit: &Emit) -> Result<Answer, Refusal> {
    match body {
        Body::One(answer) => Ok(answer),
        Body::Stream(mut events) => loop {
            match std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await {
                Some(Event::Notice(raw)) => emit.event(Event::Notice(raw)).await,
                Some(Event::Ask(_)) => {}
                Some(Event::Done(ending)) => return ending,
                None => return Err(Refusal::internal("a stream ended without an answer")),
            }
        },
        Body::Accepted => Err(Refusal::internal("a call was accepted like a notification")),
    }
}

/// `"inputResponses":{…}` and, if there was one, the state as it came.
fn members(answers: &[String], state: Option<&RawJson>) -> String {
    let responses =
        (!answers.is_empty()).then(|| member("inputResponses", &object(answers.iter().cloned())));
    let state = state.map(|raw| member("requestState", &String::from_utf8_lossy(raw.as_bytes())));
    responses.into_iter().chain(state).collect::<Vec<_>>().join(",")
}

fn too_many() -> Refusal {
    let message = "too many questions to this session are open; the call was not taken further";
    Refusal::new(Case::Overloaded, message).after_send()
}

fn refused() -> Refusal {
    let message = "the client answered the target's question with an error";
    Refusal::new(Case::Cancelled, message).after_send()
}

fn unanswered(limit: Duration) -> Refusal {
    let message = format!("the target's question was not answered within {} s", limit.as_secs());
    Refusal::new(Case::Cancelled, message).after_send()
}
