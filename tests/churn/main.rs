//! The gateway under callers that never stop, before targets that are killed all the time.
//!
//! In: for how long, and how fast. Out: a table of what became of every call, and a failing exit
//! status when an answer was lost, an effect was there twice or an error was none of those that are
//! stated, or when something of the gateway's has grown.

mod books;
mod caller;
mod cast;
mod vitals;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::runtime::Builder;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use toolgate_tests::gateway::Gateway;

use books::Books;
use caller::{Caller, Era};
use cast::Cast;
use vitals::Vitals;

/// Callers of each era that each target has.
const CALLERS: u32 = 2;

/// Kills every kind of target under load, and accounts for every call.
#[derive(Debug, Parser)]
#[command(name = "churn")]
struct Options {
    /// For how long targets are killed.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(5..=3600))]
    seconds: u64,
    /// Calls a second, all callers together.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(16..=2000))]
    rate: u32,
    /// Milliseconds from one death to the next.
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    every: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = Builder::new_current_thread().enable_all().build();
    let right = runtime.context("starting").and_then(|runtime| runtime.block_on(run(&options)));
    match right {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to be done when even this cannot be written.
            drop(writeln!(std::io::stderr().lock(), "error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether everything was as it must be.
async fn run(options: &Options) -> Result<bool> {
    let mut cast = Cast::start().await?;
    let gateway = Gateway::start(&cast.config()).await?;
    cast.all_answer(&gateway).await?;
    let books = Arc::new(Books::default());
    let mut watchers = caller::watch(&gateway).await?;
    let rest = Vitals::of(&gateway).await?;

    let callers = start_callers(options, &gateway, &cast, &books).await?;
    let asking = tokio::spawn(caller::ask_forever(gateway.client(), Arc::clone(&books)));
    let mut memory = Vec::new();
    kill(&mut cast, options, (&gateway, &mut memory)).await?;
    let halfway = Vitals::of(&gateway).await?;
    kill(&mut cast, options, (&gateway, &mut memory)).await?;
    asking.abort();
    for caller in callers {
        caller.stop().await?;
    }
    cast.all_answer(&gateway).await?;
    cast.forget_parked().await?;
    let settled = Vitals::settled(&gateway, &rest).await?;
    let heard = watchers.hear(&gateway).await;

    let mut right = books.print(&cast, options.seconds)?;
    right &= Vitals::print([&rest, &halfway, &settled], &memory)?;
    gateway.books_agree().await?;
    let stopped = gateway.stop().await?;
    if !stopped.status.success() {
        right = false;
        say(&format!("WRONG: the gateway ended with {}", stopped.status))?;
    }
    for heard in [heard, watchers.heard_no_more().await] {
        if let Err(error) = heard {
            right = false;
            say(&format!("WRONG: a listener: {error:#}"))?;
        }
    }
    Ok(right)
}

async fn start_callers(
    options: &Options,
    gateway: &Gateway,
    cast: &Cast,
    books: &Arc<Books>,
) -> Result<Vec<Caller>> {
    let mut callers = Vec::new();
    let names = cast.recording();
    let all = u32::try_from(names.len())?.saturating_mul(CALLERS).saturating_mul(2);
    let pause = Duration::from_secs(all.into()) / options.rate;
    for name in names {
        for era in [Era::Modern, Era::Older] {
            for number in 0..CALLERS {
                let whose = format!("{name}-{era:?}-{number}");
                callers.push(Caller::start(gateway, (name, era), whose, pause, books).await?);
            }
        }
    }
    Ok(callers)
}

/// Lets one target after the other die, for half of the time, and looks at the memory meanwhile.
async fn kill(
    cast: &mut Cast,
    options: &Options,
    (gateway, memory): (&Gateway, &mut Vec<f64>),
) -> Result<()> {
    let every = Duration::from_millis(options.every);
    let mut tick = interval_at(Instant::now() + every, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + Duration::from_secs(options.seconds) / 2;
    while Instant::now() < end {
        tick.tick().await;
        cast.next_dies().await?;
        memory.push(Vitals::memory(gateway).await?);
    }
    Ok(())
}

/// A line on standard output.
fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{line}").context("printing")
}
