//! The `toolgate-agent` binary.
//!
//! Enters: the command line and the environment. Leaves: an exit code. Never: logic; that is in the
//! library.

use std::io::{stderr, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use toolgate_agent::assembly::Surroundings;
use toolgate_agent::cli::{Cli, Command, Settings};
use toolgate_agent::commands::{config, serve, setup, talk};
use toolgate_agent::exit::Exit;
use toolgate_telemetry::AccessLogTo;

/// Turns move between threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return Exit::Config.into();
    };
    // Nothing is used after a panic, so nothing can be seen half done.
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(&cli))));
    // What is stuck on a thread is left behind: it must not keep the process.
    runtime.shutdown_background();
    ended.unwrap_or(Exit::Panic).into()
}

async fn run(cli: &Cli) -> Exit {
    let (mut out, mut err) = (stdout(), stderr());
    let ready = setup::read(&cli.setup, &env, std::env::vars().collect());
    let log =
        if matches!(cli.command, Command::Serve) { AccessLogTo::Stdout } else { AccessLogTo::Off };
    let around = Surroundings { log, data: data(), environment: cli.setup.env.clone() };
    let streams = (&mut out, &mut err);
    match &cli.command {
        Command::Ask(args) => {
            Box::pin(talk::ask(args, ready, &around, (streams.0, streams.1))).await
        }
        Command::Chat(args) => {
            Box::pin(talk::chat(args, ready, &around, (streams.0, streams.1))).await
        }
        Command::Serve => Box::pin(serve::run(ready, &around, streams.1)).await,
        Command::Config(Settings::Check) => config::check(ready, streams.0, streams.1),
        Command::Config(Settings::Show) => config::show(ready, streams.0, streams.1),
        Command::Config(Settings::Keys) => config::keys(streams.0),
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The folder for data of this user (XDG base directories). Relative settings count as none.
fn data() -> Option<PathBuf> {
    let absolute = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
}
