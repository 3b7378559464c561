//! The `toolgate-agent` binary.
//!
//! Enters: the command line and the environment. Leaves: an exit code. Never: logic; that is in the
//! library.

use std::io::{Write, stderr, stdout};
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

/// Standard output and standard error.
type Streams<'a> = (&'a mut dyn Write, &'a mut dyn Write);

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
    let variables: Vec<_> = std::env::vars().collect();
    if let Command::Config(Settings::Diff | Settings::Push | Settings::Pull | Settings::Ensure) =
        &cli.command
    {
        return Box::pin(stored(cli, variables, (&mut out, &mut err))).await;
    }
    let ready = Box::pin(setup::read(&cli.setup, &env, variables)).await;
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
        Command::Config(_) => config::keys(streams.0),
    }
}

/// What a command does with the Parameter Store.
#[cfg(feature = "aws")]
async fn stored(cli: &Cli, variables: Vec<(String, String)>, (out, err): Streams<'_>) -> Exit {
    use toolgate_agent::commands::store;
    let given = match setup::given(&cli.setup, variables) {
        Ok(given) => given,
        Err(problems) => return config::wrong(&problems, err),
    };
    match &cli.command {
        Command::Config(Settings::Diff) => store::diff(&cli.setup, given, out, err).await,
        Command::Config(Settings::Push) => store::push(&cli.setup, given, out, err).await,
        Command::Config(Settings::Ensure) => store::ensure(&cli.setup, given, out, err).await,
        Command::Ask(_) | Command::Chat(_) | Command::Serve | Command::Config(_) => {
            store::pull(&cli.setup, given, out, err).await
        }
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the same as with AWS")]
async fn stored(_: &Cli, _: Vec<(String, String)>, (_, err): Streams<'_>) -> Exit {
    config::without_aws(err)
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The folder for data of this user (XDG base directories). Relative settings count as none.
fn data() -> Option<PathBuf> {
    let absolute = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
}
