//! The committed boards as pages, with the numbers of a gateway that everything happens to.
//!
//! In: a folder, and for how long to call. Out: a page for each board, and a word on each panel that
//! shows nothing. It needs Debian's Prometheus, and neither Grafana nor a browser (see `README.md`).

mod page;
mod panel;
mod unit;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::Value;
use tokio::runtime::Builder;
use toolgate_tests::mix::Mix;
use toolgate_tests::prometheus::{Prometheus, ROOT};

/// Rounds of good calls between two rounds of every kind.
const GOOD: u32 = 30;
/// Rounds of every kind between two batches of spans that are lost, and two deaths of a program.
const LOSE: u32 = 8;
/// Points of a line.
const POINTS: u32 = 120;

/// Draws the boards with real numbers.
#[derive(Debug, Parser)]
struct Options {
    /// The folder for the pages.
    out: PathBuf,
    /// How long to call before.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(5..=3600))]
    seconds: u64,
}

/// What panels are drawn from: numbers between two times.
#[derive(Debug)]
pub(crate) struct Numbers {
    prometheus: Prometheus,
    from: f64,
    to: f64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let drawn = runtime.context("starting").and_then(|runtime| runtime.block_on(draw(&options)));
    if let Err(error) = drawn {
        // Nothing is left to be done when even this cannot be written.
        drop(writeln!(std::io::stderr().lock(), "error: {error:#}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn draw(options: &Options) -> Result<()> {
    fs::create_dir_all(&options.out)?;
    let mix = Mix::start().await?;
    let numbers = Numbers::gather(&mix, Duration::from_secs(options.seconds)).await?;
    for entry in fs::read_dir(Path::new(ROOT).join("dashboards/grafana"))? {
        let path = entry?.path();
        let board: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        let drawn = page::draw(&board, &numbers).await?;
        let name = path.with_extension("html");
        let name = options.out.join(name.file_name().context("a board without a name")?);
        fs::write(&name, drawn.html).with_context(|| format!("writing {}", name.display()))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", name.display())?;
        for remark in drawn.remarks {
            writeln!(out, "  {remark}")?;
        }
    }
    Ok(())
}

// === impl Numbers ===

impl Numbers {
    /// Calls for so long.
    async fn gather(mix: &Mix, length: Duration) -> Result<Self> {
        let prometheus = Prometheus::start_beside(&mix.gateway, &mix.beside()).await?;
        let (from, start) = (now(), Instant::now());
        let mut round: u32 = 0;
        while start.elapsed() < length {
            if round.is_multiple_of(LOSE) {
                mix.lose_spans();
                mix.kill().await?;
            }
            mix.every_kind().await?;
            for _ in 0..GOOD {
                mix.good().await?;
            }
            round += 1;
        }
        Ok(Self { prometheus, from, to: now() })
    }

    /// The lines that answer: for each its labels, and a value for each time.
    pub(crate) async fn lines(&self, expression: &str) -> Result<Vec<Value>> {
        let step = Duration::from_secs_f64((self.to - self.from) / f64::from(POINTS));
        self.prometheus.range(&chosen(expression), (self.from, self.to), step).await
    }

    /// The series that answer at the end.
    pub(crate) async fn last(&self, expression: &str) -> Result<Vec<Value>> {
        self.prometheus.now(&chosen(expression)).await
    }
}

/// Everything is chosen, and a rate is that of a few scrapes.
fn chosen(expression: &str) -> String {
    let mut expression = expression.replace("$__rate_interval", "30s");
    for variable in ["target", "tool", "issuer", "model"] {
        expression = expression.replace(&format!("\"${variable}\""), "\".*\"");
    }
    expression
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
