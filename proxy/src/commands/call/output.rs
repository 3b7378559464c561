//! How a call ended, as text or as one JSON document.
//!
//! Enters: an ending. Leaves: what goes to standard output and what to standard error. Never: more
//! than one document; anything but the result on standard output of a call.

use serde::Serialize;
use serde_json::value::RawValue;

use super::draw;
use super::ledger::Ledger;
use super::report::Report;
use super::result::{self, Shown};
use super::screen::{Screen, one_line};
use crate::exit::Exit;
use toolgate_client::{Answer, Head, Progress, Tool};

/// How wide the column of names in a list grows.
const WIDEST_NAME: usize = 40;

/// How the command ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The tool answered.
    Done { answer: Box<Answer> },
    /// No result, or one that says it is none.
    Failed { report: Box<Report>, answer: Option<Box<Answer>>, head: Option<Box<Head>> },
    /// The tools there are.
    Listed(Vec<Tool>),
    /// A command for a shell.
    Curl(String),
}

/// What goes where.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Printed {
    pub(super) out: String,
    pub(super) err: String,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ms: Option<f64>,
    ledger: Option<Ledger>,
}

#[derive(Serialize)]
struct List<'a> {
    tools: Vec<&'a RawValue>,
}

#[derive(Serialize)]
struct CurlLine<'a> {
    curl: &'a str,
}

// === impl Ending ===

impl Ending {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Done { .. } | Self::Listed(_) | Self::Curl(_) => Exit::Ok,
            Self::Failed { report, .. } => report.exit,
        }
    }

    /// For people.
    pub(super) fn text(&self, screen: &Screen, wants_ledger: bool) -> Printed {
        match self {
            Self::Done { answer } => {
                let Shown { out, note } = result::show(&answer.result, screen.out_is_terminal);
                let mut err = note.map(|note| format!("note: {note}\n")).unwrap_or_default();
                if wants_ledger || screen.out_is_terminal {
                    err.push_str(&story("ok", Some(&answer.result), &answer.head, screen));
                }
                Printed { out, err }
            }
            Self::Failed { report, answer, head } => {
                let result = answer.as_ref().map(|answer| &*answer.result);
                let shown = result.map(|result| result::show(result, screen.out_is_terminal));
                let mut err = report.render(screen);
                if let Some(head) = head {
                    err.push_str(&story("failed", result, head, screen));
                }
                Printed { out: shown.unwrap_or_default().out, err }
            }
            Self::Listed(tools) => Printed { out: names(tools), err: String::new() },
            Self::Curl(command) => {
                let err = "note: TOOLGATE_TOKEN=$(toolgate token) sets the variable\n";
                let uses_it = command.contains("$TOOLGATE_TOKEN");
                let err = if uses_it { err } else { "" }.to_owned();
                Printed { out: format!("{command}\n"), err }
            }
        }
    }

    /// For scripts: exactly one document on standard output.
    pub(super) fn json(&self) -> Printed {
        let document = match self {
            Self::Done { answer } => document(None, Some(&answer.result), Some(&answer.head)),
            Self::Failed { report, answer, head } => {
                let result = answer.as_ref().map(|answer| &*answer.result);
                document(Some(report), result, head.as_deref())
            }
            Self::Listed(tools) => {
                let tools = tools.iter().map(|tool| &*tool.raw).collect();
                serde_json::to_string(&List { tools })
            }
            Self::Curl(command) => serde_json::to_string(&CurlLine { curl: command }),
        };
        // Text, finite numbers and JSON that was read before: writing it cannot fail.
        let out = document.unwrap_or_else(|_| "{}".to_owned()) + "\n";
        Printed { out, err: String::new() }
    }
}

/// A progress notification as a line.
pub(super) fn progress(progress: &Progress) -> String {
    let total = progress.total.map(|total| format!(" of {total}")).unwrap_or_default();
    let message = progress.message.as_deref().map(one_line).unwrap_or_default();
    format!("{}\n", format!("... {}{total}  {message}", progress.progress).trim_end())
}

fn document(
    error: Option<&Report>,
    result: Option<&RawValue>,
    head: Option<&Head>,
) -> serde_json::Result<String> {
    serde_json::to_string(&Document {
        error,
        result,
        status: head.map(|head| head.status),
        request_id: head.and_then(Head::request_id),
        elapsed_ms: head.map(|head| head.elapsed.as_micros() as f64 / 1000.0),
        ledger: head.and_then(|head| Ledger::of(result, head)),
    })
}

/// One line about the call, and the ledger if there is one.
fn story(word: &str, result: Option<&RawValue>, head: &Head, screen: &Screen) -> String {
    let ledger = Ledger::of(result, head);
    let seen = head.elapsed.as_secs_f64() * 1000.0;
    let mut facts = vec![format!("{word} {seen:.*} ms", draw::decimals(seen))];
    let attempts = ledger.as_ref().map_or(0, |ledger| ledger.attempts.len());
    match attempts {
        0 => {}
        1 => facts.push("1 attempt".to_owned()),
        _ => facts.push(format!("{attempts} attempts")),
    }
    facts.push(head.status.to_string());
    facts.push(size(head.bytes));
    facts.extend(head.request_id().map(|id| format!("request {}", one_line(id))));
    let line = format!("{}\n", facts.join("  "));
    ledger.map_or(line.clone(), |ledger| line + &draw::draw(&ledger, screen))
}

/// A number of bytes in thousands.
fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Name and first line of the description, in columns.
fn names(tools: &[Tool]) -> String {
    let width = |tool: &Tool| one_line(&tool.name).chars().count();
    let widest = tools.iter().map(width).max().unwrap_or_default().min(WIDEST_NAME);
    let line = |tool: &Tool| {
        let name = one_line(&tool.name);
        let first = one_line(tool.description.lines().next().unwrap_or_default());
        format!("{}\n", format!("{name:<widest$}  {first}").trim_end())
    };
    tools.iter().map(line).collect()
}
