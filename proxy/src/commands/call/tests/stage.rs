//! A command in a test: its arguments, its environment, what it printed.

use std::path::PathBuf;

use clap::Parser;

use super::super::{CallArgs, Screen, run_on};
use crate::commands::canned::Server;
use crate::exit::Exit;
use toolgate_client::runfile::{Guard, RunFile};

/// What every token of these tests is made of: no output of `call` may have it.
pub(crate) const SECRET: &str = "topsecret";

/// A pipe on both sides, without colours.
pub(crate) const PIPE: Screen =
    Screen { out_is_terminal: false, err_is_terminal: false, colour: false, columns: 60 };

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The run file of a `toolgate dev`, in a folder that is gone after the test.
pub(crate) struct Dev {
    folder: PathBuf,
    guard: Option<Guard>,
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    call: CallArgs,
}

impl Dev {
    /// Says that the server is a `toolgate dev`: gateway and issuer in one.
    pub(crate) fn new(name: &str, server: &Server) -> Self {
        let folder = std::env::temp_dir().join(format!("toolgate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut dev = Self { folder, guard: None };
        let file = RunFile {
            pid: std::process::id(),
            mcp: server.url("/mcp"),
            admin: String::new(),
            token_url: server.url("/oauth2/token"),
            client_id: "dev".to_owned(),
            client_secret: SECRET.to_owned(),
            scopes: vec!["gateway/invoke".to_owned()],
            started_unix: 1,
        };
        dev.guard = Some(file.write(&|name| dev.env(name)).unwrap());
        dev
    }

    pub(crate) fn env(&self, name: &str) -> Option<String> {
        (name == "XDG_RUNTIME_DIR").then(|| self.folder.display().to_string())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.guard.take());
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

pub(crate) fn parsed(words: &[&str]) -> CallArgs {
    let line = std::iter::once("call").chain(words.iter().copied());
    Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}")).call
}

/// Runs the command; nothing it prints may hold a token.
pub(crate) async fn run_in(
    words: &[&str],
    env: &dyn Fn(&str) -> Option<String>,
    screen: Screen,
) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run_on(parsed(words), env, &screen, (&mut out, &mut err)).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran { exit, out: text(out), err: text(err) };
    assert!(!ran.out.contains(SECRET), "a token on standard output: {}", ran.out);
    assert!(!ran.err.contains(SECRET), "a token on standard error: {}", ran.err);
    ran
}

/// Calls `clock___now` on the server, with a token, over a pipe.
pub(crate) async fn call(server: &Server, more: &[&str]) -> Ran {
    let url = server.url("/mcp");
    let mut words = vec!["clock___now", "--url", &url, "--token", SECRET];
    words.extend(more);
    run_in(&words, &|_| None, PIPE).await
}
