//! The targets, and their deaths.
//!
//! In: nothing. Out: an MCP server of each era over HTTP and as a child, which record their effects,
//! and one that asks; each dies by turns, killed or asked to end, and those over HTTP come back on
//! their port, at once or later. Children are the gateway's to start again.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, interval_at};
use toolgate_tests::client::Ask;
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::process::{Process, Scratch, binary};
use toolgate_tests::wait::{until, until_within};

const PACKAGE: &str = "toolgate-tests";
/// For how long a target over HTTP stays away, every other time.
const AWAY: Duration = Duration::from_millis(400);
/// For how long breakers and pauses before a restart may keep a target from answering, when all is
/// over.
const RECOVERY: Duration = Duration::from_secs(90);

/// All of them.
pub(crate) struct Cast {
    actors: Vec<Actor>,
    scratch: Scratch,
    /// How many times one of them was to die.
    turns: usize,
}

struct Actor {
    name: &'static str,
    era: &'static str,
    wire: Wire,
    /// What starts it, without its address.
    program: PathBuf,
    record: Option<PathBuf>,
    /// How often it has died.
    deaths: usize,
}

enum Wire {
    Http(SocketAddr, Box<Process>),
    Stdio,
}

// === impl Cast ===

impl Cast {
    /// Starts those over HTTP.
    pub(crate) async fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let mut actors = Vec::new();
        for (name, era, is_http) in [
            ("httpmodern", "modern", true),
            ("pipemodern", "modern", false),
            ("httpolder", "legacy", true),
            ("pipeolder", "legacy", false),
            ("asks", "legacy", true),
        ] {
            let asks = name == "asks";
            let fixture = if asks { "fixture-asks" } else { "fixture-rmcp-server" };
            let program = binary(fixture, PACKAGE)?;
            let record = (!asks).then(|| scratch.path().join(format!("{name}.record")));
            let wire = if is_http {
                let address = free_address()?;
                let process = start(name, &program, (era, address), record.as_deref(), &scratch)?;
                Wire::Http(address, Box::new(process))
            } else {
                Wire::Stdio
            };
            actors.push(Actor { name, era, wire, program, record, deaths: 0 });
        }
        let cast = Self { actors, scratch, turns: 0 };
        for actor in &cast.actors {
            actor.listens().await?;
        }
        Ok(cast)
    }

    /// A configuration with all of them.
    pub(crate) fn config(&self) -> String {
        let mut config = "auth: { anonymous: true }\ntargets:\n".to_owned();
        for actor in &self.actors {
            let target = match &actor.wire {
                Wire::Http(address, _) => format!("mcp: {{ url: \"http://{address}/mcp\" }}"),
                Wire::Stdio => {
                    let record = actor.record.as_deref().unwrap_or(Path::new(""));
                    format!(
                        "stdio: {{ command: [{:?}, --stdio, --era, {}, --record, {record:?}] }}",
                        actor.program, actor.era
                    )
                }
            };
            config.push_str(&format!("  {}: {{ {target} }}\n", actor.name));
        }
        config
    }

    /// The names of those that record what they do.
    pub(crate) fn recording(&self) -> Vec<&'static str> {
        self.actors.iter().filter(|actor| actor.record.is_some()).map(|actor| actor.name).collect()
    }

    /// How often one has died.
    pub(crate) fn deaths(&self) -> usize {
        self.actors.iter().map(|actor| actor.deaths).sum()
    }

    /// Those that have never died.
    pub(crate) fn untried(&self) -> Vec<&'static str> {
        self.actors.iter().filter(|actor| actor.deaths == 0).map(|actor| actor.name).collect()
    }

    /// What was done, and by whom.
    pub(crate) fn done(&self) -> Result<Vec<(&'static str, String)>> {
        let mut done = Vec::new();
        for actor in &self.actors {
            let Some(record) = actor.record.as_deref() else { continue };
            let text = fs::read_to_string(record).context("reading what was done")?;
            done.extend(text.lines().map(|line| (actor.name, line.to_owned())));
        }
        Ok(done)
    }

    /// The next one dies; over HTTP, it comes back.
    pub(crate) async fn next_dies(&mut self) -> Result<()> {
        let turn = self.turns;
        self.turns += 1;
        let round = turn / self.actors.len();
        let signal = if round.is_multiple_of(2) { Signal::KILL } else { Signal::TERM };
        let scratch = &self.scratch;
        let count = self.actors.len();
        let actor = self.actors.get_mut(turn % count).context("nobody to die")?;
        let name = actor.name;
        match &mut actor.wire {
            Wire::Stdio => {
                // It may be away already: then nobody dies.
                let record = actor.record.as_deref().unwrap_or(Path::new(""));
                actor.deaths += usize::from(kill_child(record, signal)?);
                Ok(())
            }
            Wire::Http(address, process) => {
                process.signal(signal)?;
                process.ended().await?;
                actor.deaths += 1;
                if (round / 2).is_multiple_of(2) {
                    // How long it is away is what is tried here: there is nothing to wait for.
                    interval_at(Instant::now() + AWAY, AWAY).tick().await;
                }
                let record = actor.record.as_deref();
                **process = start(name, &actor.program, (actor.era, *address), record, scratch)?;
                actor.listens().await
            }
        }
    }

    /// The one that asks dies once more, and with it what waits for an answer there.
    pub(crate) async fn forget_parked(&mut self) -> Result<()> {
        self.turns = self.turns.next_multiple_of(self.actors.len()) + self.actors.len() - 1;
        self.next_dies().await
    }

    /// Waits until all of them are listed, and do what they are asked.
    pub(crate) async fn all_answer(&self, gateway: &Gateway) -> Result<()> {
        let client = gateway.client();
        for actor in &self.actors {
            let mine = format!("{}___", actor.name);
            until_within(RECOVERY, format!("{} is listed", actor.name), async || {
                let tools = client.tools().await?;
                Ok(tools.iter().any(|tool| tool.starts_with(&mine)).then_some(()))
            })
            .await?;
        }
        for name in self.recording() {
            until_within(RECOVERY, format!("{name} answers"), async || {
                let ask = Ask::tool(&format!("{name}___echo"), json!({ "text": "there" }));
                let answer = client.send(ask).await?;
                Ok(answer.content().is_ok_and(|text| text == "there").then_some(()))
            })
            .await?;
        }
        Ok(())
    }
}

// === impl Actor ===

impl Actor {
    async fn listens(&self) -> Result<()> {
        let Wire::Http(address, _) = &self.wire else { return Ok(()) };
        until(format!("{} listens", self.name), async || {
            Ok(TcpStream::connect(address).await.is_ok().then_some(()))
        })
        .await
    }
}

fn start(
    name: &'static str,
    program: &Path,
    (era, address): (&str, SocketAddr),
    record: Option<&Path>,
    scratch: &Scratch,
) -> Result<Process> {
    let mut command = Command::new(program);
    command.args(["--http", &address.to_string(), "--era", era]);
    if let Some(record) = record {
        command.arg("--record").arg(record);
    }
    Process::start(name, &mut command, scratch)
}

/// Ends the gateway's child that records there, if there is one just now: whether there was.
fn kill_child(record: &Path, signal: Signal) -> Result<bool> {
    let mut was_there = false;
    let record = record.to_str().context("a path that is not UTF-8")?.as_bytes();
    ensure!(!record.is_empty(), "a child that cannot be told from others");
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else { continue };
        // It may end at any time.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.split(|byte| *byte == 0).any(|word| word == record) {
            was_there |= kill_process(pid, signal).is_ok();
        }
    }
    Ok(was_there)
}
