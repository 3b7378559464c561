//! A model that says what a file says: for tests, demonstrations and measurements.
//!
//! In: a JSON file of entries, each with the words it answers to and its replies. Out: the same reply
//! to the same conversation, at the pace that the file sets. Never: a choice by chance; a file with a
//! word that means nothing taken without a complaint.

mod file;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

pub use self::file::BadScript;
use self::file::{Entry, Reply};
use crate::asked::apart;
use crate::pieces::pieces;
use crate::{
    Ask, Fault, Heard, Input, Message, Model, ModelError, Provider, Stop, Thinking, Thought, Tool,
    ToolUse, Usage,
};

/// Replies from a file.
///
/// The file is a list of entries: `{"match": "slow", "replies": [{…}, …]}`. The first entry answers
/// whose `match` (a text, or a list of which one is enough; capitals do not matter) stands in the
/// user's last message; one without `match` answers to everything. Its first reply answers the user,
/// its second the first results of tools, and so on; the last one answers all others.
///
/// A reply has `text`, `tools` (`[{"name": "list_pods", "input": {}}]`; a name is that of an offered
/// tool, or what follows `___` in one), `think_ms` before the first word, `delta_ms` between words,
/// and, if they are to be other than what follows from these, `stop`, `usage` and `fault`
/// (`{"kind": "throttled", "message": "…", "retry_after_ms": 100}`, after the text).
#[derive(Debug)]
pub struct Script {
    entries: Vec<Entry>,
}

// === impl Script ===

impl Script {
    /// A script from the text of its file.
    ///
    /// # Errors
    /// A sentence with the line, or with the entry and the reply, that is wrong.
    pub fn parse(text: &str) -> Result<Self, BadScript> {
        file::parse(text).map(|entries| Self { entries })
    }

    /// A script from its file.
    ///
    /// # Errors
    /// The same, and that the file cannot be read or is too large.
    pub fn read(path: &Path) -> Result<Self, BadScript> {
        Self::parse(&file::read(path)?)
    }

    fn reply(&self, messages: &[Message]) -> Option<&Reply> {
        let (asked, rounds) = last(messages)?;
        let asked = asked.to_lowercase();
        let entry = self.entries.iter().find(|entry| entry.answers(&asked))?;
        entry.replies.get(rounds).or_else(|| entry.replies.last())
    }
}

impl Model for Script {
    fn provider(&self) -> Provider {
        Provider::Scripted
    }

    fn think<'a>(&'a self, ask: &'a Ask<'a>, heard: &'a mut dyn Heard) -> Thinking<'a> {
        Box::pin(async move {
            let Some(reply) = self.reply(ask.messages) else {
                let says = "no entry of the script answers to what the user said";
                return Err(ModelError::new(Fault::Rejected, says));
            };
            let said = timeout(ask.patience, say(reply, ask, heard)).await;
            said.unwrap_or_else(|_| {
                let says = format!("the script takes longer than {:?}", ask.patience);
                Err(ModelError::new(Fault::TimedOut, says))
            })
        })
    }
}

async fn say(reply: &Reply, ask: &Ask<'_>, heard: &mut dyn Heard) -> Result<Thought, ModelError> {
    pause(reply.think_ms).await;
    for (nth, piece) in pieces(&reply.text).enumerate() {
        if nth > 0 {
            pause(reply.delta_ms).await;
        }
        heard.text(piece);
    }
    if let Some(fault) = &reply.fault {
        return Err(fault.error());
    }
    // A model that may not call tools any more asks for none.
    let wanted = if ask.must_answer { &[][..] } else { &reply.tools };
    let before = uses(ask.messages);
    let uses = wanted.iter().enumerate().map(|(nth, wanted)| {
        let name = offered(&wanted.name, ask.tools).to_owned();
        heard.tool(&name);
        let input = Input::Object(wanted.input.clone());
        ToolUse { id: format!("script_{}", before + nth), name, input }
    });
    let uses = uses.collect::<Vec<_>>();
    let stop = if uses.is_empty() { Stop::EndTurn } else { Stop::ToolUse };
    let counted = || Usage {
        input: ask.messages.iter().map(words).sum(),
        output: count(&reply.text),
        ..Usage::default()
    };
    Ok(Thought {
        text: reply.text.clone(),
        uses,
        stop: reply.stop.unwrap_or(stop),
        usage: reply.usage.unwrap_or_else(counted),
    })
}

async fn pause(ms: u64) {
    if ms > 0 {
        sleep(Duration::from_millis(ms)).await;
    }
}

/// What the user said last, and how often tools have answered since.
fn last(messages: &[Message]) -> Option<(&str, usize)> {
    let mut rounds = 0;
    for message in messages.iter().rev() {
        match message {
            Message::User(text) => return Some((apart(text).1, rounds)),
            Message::Results(_) => rounds += 1,
            Message::Agent(_) => {}
        }
    }
    None
}

/// The offered tool of that name, or with that name at its target; else the name as it is.
fn offered<'a>(name: &'a str, tools: &'a [Tool]) -> &'a str {
    let names = || tools.iter().map(|tool| tool.name.as_str());
    let at_target = |full: &&str| full.split_once("___").is_some_and(|(_, own)| own == name);
    let found = names().find(|full| *full == name).or_else(|| names().find(at_target));
    found.unwrap_or(name)
}

/// Tools that were asked for before.
fn uses(messages: &[Message]) -> usize {
    let uses = messages.iter().map(|message| match message {
        Message::Agent(said) => said.uses.len(),
        Message::User(_) | Message::Results(_) => 0,
    });
    uses.sum()
}

/// Words stand in for tokens where the file does not say how many there were.
fn words(message: &Message) -> u64 {
    match message {
        Message::User(text) => count(text),
        Message::Agent(said) => count(&said.text),
        Message::Results(results) => results.iter().map(|result| count(&result.text)).sum(),
    }
}

fn count(text: &str) -> u64 {
    text.split_whitespace().fold(0, |count, _| count + 1)
}
