//! `toolgate-agent ask` and `chat`.
//!
//! Enters: a question, or lines of a terminal. Leaves: answers on standard output, what goes on on
//! standard error. Never: a turn that is left running; a memory that is not written at the end.

use std::io::{IsTerminal as _, Read as _, Write};
use std::time::Duration;

use toolgate_agent_memory::{Actor, Session};

use super::outgoing::Outgoing;
use super::{config, refresh, say};
use crate::assembly::{Assembled, Surroundings, assemble};
use crate::cli;
use crate::commands::setup::Ready;
use crate::event::EndReason;
use crate::exit::Exit;
use crate::ids;
use crate::settings::{Access, Problems};
use crate::terminal::{self, Look};
use crate::turn::{Report, Request};

/// The longest question that is read from standard input, bytes.
const LONGEST: u64 = 1 << 20;
/// How long memory may take to be written at the end.
const LAST_WRITES: Duration = Duration::from_secs(10);

/// An agent, put together.
pub(super) struct Begun {
    pub(super) assembled: Assembled,
    /// Who asks, where no token says it.
    pub(super) actor: Actor,
    /// What it was made of.
    pub(super) ready: Ready,
    /// What is sent meanwhile.
    pub(super) outgoing: Outgoing,
}

/// `ask`.
pub async fn ask(
    args: &cli::Ask,
    ready: Result<Ready, Problems>,
    around: &Surroundings,
    (out, err): (&mut (dyn Write + Send), &mut (dyn Write + Send)),
) -> Exit {
    let Begun { assembled, actor, outgoing, .. } =
        match begin(ready.map(Ready::unpublished), around, err).await {
            Ok(begun) => begun,
            Err(exit) => return exit,
        };
    let question = match question(&args.question) {
        Ok(question) => question,
        Err(error) => {
            say(err, &format!("error: the question cannot be read: {error}\n"));
            return Exit::Usage;
        }
    };
    let agent = &assembled.host.agent;
    let chosen = match agent.choose(args.model.as_deref()) {
        Ok(chosen) => chosen,
        Err(unknown) => {
            say(err, &format!("error: {unknown}\n"));
            return Exit::Usage;
        }
    };
    let Some(session) = session(args.session.as_deref(), err) else { return Exit::Usage };
    let request = request(&actor, &session, question);
    let look = Look::of(std::io::stderr().is_terminal());
    let told =
        if args.quiet || args.json { terminal::Told::Nothing } else { terminal::Told::Steps };
    let talk = terminal::Talk::once(told, look);
    let report = agent.turn(&request, &chosen, &talk).await;
    let exit = exit_of(&report);
    if args.json {
        say(out, &terminal::json(&report, &talk.results()));
    } else {
        let answer = terminal::plain(&report.answer);
        say(out, &answer);
        say(out, if answer.ends_with('\n') { "" } else { "\n" });
        if let Some(says) = &report.end.says {
            say(err, &format!("note: {says}\n"));
        }
        if !args.quiet {
            say(err, &terminal::times(&report, look));
        }
    }
    end(&assembled, outgoing, err).await;
    exit
}

/// `chat`.
pub async fn chat(
    args: &cli::Chat,
    ready: Result<Ready, Problems>,
    around: &Surroundings,
    (out, err): (&mut (dyn Write + Send), &mut (dyn Write + Send)),
) -> Exit {
    let Begun { assembled, actor, ready, outgoing } =
        match begin(ready.map(Ready::unpublished), around, err).await {
            Ok(begun) => begun,
            Err(exit) => return exit,
        };
    let Some(session) = session(args.session.as_deref(), err) else { return Exit::Usage };
    let refresh = refresh::begin(ready, &assembled);
    let chat = terminal::Chat {
        host: &assembled.host,
        actor,
        session,
        model: args.model.clone(),
        look: Look::of(std::io::stdout().is_terminal()),
    };
    let exit = Box::pin(chat.run(out, err)).await;
    if let Some(refresh) = refresh {
        refresh.abort();
    }
    end(&assembled, outgoing, err).await;
    exit
}

/// Puts the agent together; says why it cannot be.
pub(super) async fn begin(
    ready: Result<Ready, Problems>,
    around: &Surroundings,
    err: &mut (dyn Write + Send),
) -> Result<Begun, Exit> {
    let ready = ready.map_err(|problems| config::wrong(&problems, err))?;
    let assembled = Box::pin(assemble(&ready.config, around)).await.map_err(|error| {
        say(err, &format!("error: {error:#}\n"));
        Exit::Config
    })?;
    let name = match &ready.config.server.access {
        Access::Open(name) => name.as_str(),
        Access::Token => "local",
    };
    let actor = Actor::new(name).map_err(|bad| {
        say(err, &format!("error: `server/actor`: {bad}\n"));
        Exit::Config
    })?;
    let outgoing = Outgoing::begin(&assembled);
    Ok(Begun { assembled, actor, ready, outgoing })
}

/// What is left to write is written.
pub(super) async fn end(assembled: &Assembled, outgoing: Outgoing, err: &mut (dyn Write + Send)) {
    let written = tokio::time::timeout(LAST_WRITES, assembled.host.agent.drained()).await;
    if written.is_err() {
        say(err, "note: memory was not written in time: the last answer may not be remembered\n");
    }
    assembled.telemetry.close();
    outgoing.last(err).await;
    let telemetry = std::sync::Arc::clone(&assembled.telemetry);
    let _flushed = tokio::task::spawn_blocking(move || telemetry.flush()).await;
}

pub(crate) fn request(actor: &Actor, session: &Session, text: String) -> Request {
    let turn = ids::id();
    Request {
        request_id: turn.clone(),
        turn,
        actor: actor.clone(),
        session: session.clone(),
        text,
        model: None,
        traceparent: None,
    }
}

fn question(words: &[String]) -> std::io::Result<String> {
    if words.len() == 1 && words.first().is_some_and(|word| word == "-") {
        let mut text = String::new();
        std::io::stdin().take(LONGEST).read_to_string(&mut text)?;
        return Ok(text.trim().to_owned());
    }
    Ok(words.join(" "))
}

fn session(name: Option<&str>, err: &mut dyn Write) -> Option<Session> {
    let made = name.map_or_else(|| Session::new(&ids::session()), Session::new);
    made.map_err(|bad| say(err, &format!("error: --session: {bad}\n"))).ok()
}

pub(crate) const fn exit_of(report: &Report) -> Exit {
    match report.end.reason {
        EndReason::Answered => Exit::Ok,
        EndReason::CutOff | EndReason::Limit => Exit::Cut,
        EndReason::Stopped => Exit::Interrupted,
        EndReason::Refused | EndReason::ModelFailed => Exit::Model,
        EndReason::Internal => Exit::Panic,
    }
}
