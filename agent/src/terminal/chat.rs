//! `toolgate-agent chat`.
//!
//! In: lines. Out: answers as they come, with what goes on. Never: a line that is kept in a file;
//! a command that is sent to a model.

use std::io::Write;
use std::sync::Arc;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use toolgate_agent_memory::{Actor, Namespace, Session};

use super::report::times;
use super::talk::{Talk, Told};
use super::words::{Look, short};
use crate::commands::say;
use crate::commands::talk::request;
use crate::exit::Exit;
use crate::host::Host as _;
use crate::hosted::Hosted;
use crate::ids;
use crate::turn::{Agent, Chosen};

const HELP: &str = "\
/model [KEY]    the models; with a key, that one answers from now on
/tools [WORD]   the tools that there are; with a word, those whose names have it
/memory         what is remembered about you
/trace          the trace of the last answer
/new            a new conversation
/help           this
/quit           ends (so do Ctrl-D, and Ctrl-C between answers)
Ctrl-C while an answer comes stops it.
";

/// A conversation in a terminal.
#[derive(Debug)]
pub struct Chat<'a> {
    /// What stands behind it.
    pub host: &'a Arc<Hosted>,
    /// Who talks.
    pub actor: Actor,
    /// In which conversation.
    pub session: Session,
    /// The model to begin with.
    pub model: Option<String>,
    /// Whether there is somebody who sees colours.
    pub look: Look,
}

/// What has happened so far.
struct Course<'a> {
    chat: Chat<'a>,
    chosen: Chosen,
    last: Option<String>,
}

// === impl Chat ===

impl Chat<'_> {
    /// Talks until the user ends it.
    pub async fn run(self, out: &mut (dyn Write + Send), err: &mut (dyn Write + Send)) -> Exit {
        let agent = &self.host.agent;
        let chosen = match agent.choose(self.model.as_deref()) {
            Ok(chosen) => chosen,
            Err(unknown) => {
                say(err, &format!("error: {unknown}\n"));
                return Exit::Usage;
            }
        };
        let Ok(mut editor) = DefaultEditor::new() else {
            say(err, "error: the terminal cannot be read\n");
            return Exit::Config;
        };
        say(err, &self.welcome(&chosen));
        let mut course = Course { chat: self, chosen, last: None };
        loop {
            // The editor waits for a person: not on a worker of the runtime.
            let read = tokio::task::spawn_blocking(move || {
                let read = editor.readline("> ");
                if let Ok(line) = &read {
                    let _kept = editor.add_history_entry(line);
                }
                (editor, read)
            });
            let Ok((back, read)) = read.await else { return Exit::Panic };
            editor = back;
            match read {
                Ok(line) => match line.trim() {
                    "" => {}
                    "/quit" | "/exit" => return Exit::Ok,
                    command if command.starts_with('/') => course.command(command, out).await,
                    question => course.ask(question, err).await,
                },
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Exit::Ok,
                Err(error) => {
                    say(err, &format!("error: {error}\n"));
                    return Exit::Config;
                }
            }
        }
    }

    fn welcome(&self, chosen: &Chosen) -> String {
        let about = self.host.about();
        let gateway = about.gateway.as_deref().unwrap_or("no gateway: answers come without tools");
        format!(
            "{} {}; model {}; {gateway}\nconversation {}; /help lists commands\n",
            self.look.bold(&about.name),
            about.version,
            chosen.key,
            self.session
        )
    }
}

// === impl Course ===

impl Course<'_> {
    fn agent(&self) -> &Arc<Agent> {
        &self.chat.host.agent
    }

    async fn ask(&mut self, question: &str, err: &mut (dyn Write + Send)) {
        let request = request(&self.chat.actor, &self.chat.session, question.to_owned());
        let talk = Talk::once(Told::Everything, self.chat.look);
        let report = self.agent().turn(&request, &self.chosen, &talk).await;
        if let Some(says) = &report.end.says {
            say(err, &format!("note: {says}\n"));
        }
        say(err, &times(&report, self.chat.look));
        self.last = Some(report.place.trace);
    }

    async fn command(&mut self, line: &str, out: &mut (dyn Write + Send)) {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let text = match (name, rest.trim()) {
            ("/help", _) => HELP.to_owned(),
            ("/model", "") => self.models(),
            ("/model", key) => self.choose(key),
            ("/tools", word) => self.tools(word).await,
            ("/memory", _) => self.memory().await,
            ("/trace", _) => self.trace(),
            ("/new", _) => self.begin_anew(),
            (unknown, _) => format!("there is no {}; /help lists commands\n", short(unknown, 40)),
        };
        say(out, &text);
    }

    fn models(&self) -> String {
        let cards = self.chat.host.models();
        let line = |card: &crate::host::ModelCard| {
            let mark = if card.key == self.chosen.key { '*' } else { ' ' };
            format!("{mark} {:<20} {} by {}\n", card.key, card.name, card.provider)
        };
        cards.iter().map(line).collect()
    }

    fn choose(&mut self, key: &str) -> String {
        match self.agent().choose(Some(key)) {
            Ok(chosen) => {
                self.chosen = chosen;
                format!("{} answers from now on\n", self.chosen.key)
            }
            Err(unknown) => format!("{unknown}\n"),
        }
    }

    async fn tools(&self, word: &str) -> String {
        let Some(tools) = self.agent().tools() else {
            return "there is no gateway\n".to_owned();
        };
        match tools.list().await {
            Err(failure) => format!("the gateway did not list its tools: {failure}\n"),
            Ok(listed) => {
                let wanted = listed.tools.iter().filter(|tool| tool.name.contains(word));
                let line = |tool: &crate::tools::Tool| {
                    let writes = if tool.read_only { ' ' } else { '!' };
                    format!(
                        "{writes} {:<40} {}\n",
                        short(&tool.name, 60),
                        short(&tool.description, 80)
                    )
                };
                let mut text: String = wanted.map(line).collect();
                text.push_str("(! changes something, and is asked about before)\n");
                text
            }
        }
    }

    async fn memory(&self) -> String {
        let Some(memory) = self.agent().memory() else {
            return "memory is switched off\n".to_owned();
        };
        let mut text = String::new();
        for namespace in [Namespace::Preferences, Namespace::Semantic] {
            match memory.records(&self.chat.actor, namespace, None).await {
                Err(error) => text.push_str(&format!("{}: {error}\n", namespace.as_str())),
                Ok(page) => {
                    let line = |record: &toolgate_agent_memory::Record| {
                        let day = crate::when::day(record.at);
                        format!(
                            "{:<12} {day}  {}\n",
                            namespace.as_str(),
                            short(&record.content, 100)
                        )
                    };
                    text.extend(page.entries.iter().map(line));
                }
            }
        }
        if text.is_empty() { "nothing yet\n".to_owned() } else { text }
    }

    fn trace(&self) -> String {
        let Some(trace) = &self.last else { return "nothing was answered yet\n".to_owned() };
        let link = self.chat.host.trace_link(trace);
        link.map_or_else(|| format!("{trace}\n"), |link| format!("{trace}\n{link}\n"))
    }

    fn begin_anew(&mut self) -> String {
        let Ok(session) = Session::new(&ids::session()) else { return String::new() };
        self.chat.session = session;
        format!("conversation {}\n", self.chat.session)
    }
}
