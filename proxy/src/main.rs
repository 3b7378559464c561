//! The `toolgate` binary.
//!
//! Enters: the command line. Leaves: an exit code. Never: logic; that is in the library.

use std::io::{stderr, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;
use toolgate::cli::{Alarms, Cli, Command, Dashboards};
use toolgate::commands::{
    apply, audit, call, check, dev, doctor, env, explain, files, keys, log_level, pins, serve,
    stdio, token, what_if,
};
use toolgate::config;
use toolgate::exit::Exit;

/// Calls move between threads, and the system's allocator makes them wait for each other there
/// (ADR 9).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return Exit::Config.into();
    };
    // Nothing is used after a panic, so nothing can be seen half done.
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(cli))));
    // What is stuck on a thread is left behind: it must not keep the process.
    runtime.shutdown_background();
    ended.unwrap_or(Exit::Panic).into()
}

async fn run(cli: Cli) -> Exit {
    let (mut out, mut err) = (stdout(), stderr());
    match cli.command {
        Command::Serve(args) => serve::run(&args, &mut out, &mut err).await,
        Command::Stdio(args) => stdio::run(&args, &mut err).await,
        Command::Dev(args) => dev::run(&args, &mut out, &mut err).await,
        Command::Check(args) => check::run(&args, &mut out, &mut err),
        Command::Doctor(args) => Box::pin(doctor::run(&args, &mut out, &mut err)).await,
        Command::Call(args) => call::run(args, &env, &mut out, &mut err).await,
        Command::Token(args) => token::run(args, &env, &mut out, &mut err).await,
        Command::Dashboards(Dashboards::Files(what)) => {
            files::dashboards(&what, &mut out, &mut err)
        }
        Command::Dashboards(Dashboards::Apply(args)) => {
            apply::dashboards(&args, &env, &mut out, &mut err).await
        }
        Command::Alarms(Alarms::Files(what)) => files::alarms(&what, &mut out, &mut err),
        Command::Alarms(Alarms::Apply(args)) => {
            apply::alarms(&args, &env, &mut out, &mut err).await
        }
        Command::Explain(args) => explain::run(&args, &env, &mut out, &mut err),
        Command::Keys(what) => keys::run(&what, &mut out, &mut err),
        Command::Pins(what) => Box::pin(pins::run(&what, &mut out, &mut err)).await,
        Command::Audit(what) => audit::run(&what, &mut out, &mut err),
        Command::WhatIf(args) => what_if::run(&args, &mut out, &mut err),
        Command::LogLevel(args) => log_level::run(&args, &env, &mut out, &mut err).await,
        Command::Schema => {
            use std::io::Write as _;
            let written = writeln!(out, "{}", config::schema());
            if written.is_ok() { Exit::Ok } else { Exit::Config }
        }
    }
}
