//! The `toolgate` binary.
//!
//! Enters: the command line. Leaves: an exit code. Never: logic; that is in the library.

use std::io::{stderr, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use toolgate::cli::{Cli, Command};
use toolgate::commands::{call, check, dev, env, serve, token};
use toolgate::config;
use toolgate::exit::Exit;

/// Calls move between threads, and the system's allocator makes them wait for each other there
/// (ADR 9).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(run(cli));
            // A look-up of a name that hangs must not keep the process from ending.
            runtime.shutdown_background();
            exit.into()
        }
        Err(_) => Exit::Config.into(),
    }
}

async fn run(cli: Cli) -> Exit {
    let (mut out, mut err) = (stdout(), stderr());
    match cli.command {
        Command::Serve(args) => serve::run(&args, &mut out, &mut err).await,
        Command::Dev(args) => dev::run(&args, &mut out, &mut err).await,
        Command::Check(args) => check::run(&args, &mut out, &mut err),
        Command::Call(args) => call::run(args, &env, &mut out, &mut err).await,
        Command::Token(args) => token::run(args, &env, &mut out, &mut err).await,
        Command::Schema => {
            use std::io::Write as _;
            let written = writeln!(out, "{}", config::schema());
            if written.is_ok() { Exit::Ok } else { Exit::Config }
        }
    }
}
