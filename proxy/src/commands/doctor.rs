//! `toolgate doctor`: tries everything that a configuration names, and says what to mend.
//!
//! Enters: a configuration. Leaves: a finding for each target, credential, issuer, listener, file and
//! exporter, with the remedy and the time it took. Never: a call of a tool that changes anything, a
//! question to a gateway that runs beyond whether it is there, a secret in what is printed; silence
//! about what could not be tried.

mod exporters;
mod finding;
mod issuers;
mod places;
mod remedy;
mod report;
mod shown;
mod targets;
#[cfg(test)]
mod tests;
mod weight;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;
use toolgate_fetch::Fetcher;
use toolgate_telemetry::{AccessLogTo, Telemetry};

use self::finding::{Finding, Probe, Said};
use self::report::Report;
use super::{check, say};
use crate::assembly::{Showing, fetcher};
use crate::cli::Output;
use crate::cloud::Cloud;
use crate::config::{self, Config};
use crate::exit::Exit;

/// `toolgate doctor`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  toolgate doctor -c toolgate.yaml\n  \
        toolgate doctor -c toolgate.yaml prom\n  \
        toolgate doctor -c toolgate.yaml issuer credentials --output json\n\n\
        Targets are asked for their tools, tokens are fetched, keys are read, ports are opened for a\n\
        moment, an empty batch of spans is sent; each finding says what was sent. No gateway has to run.",
    after_help = "Exit codes: 0 nothing failed (there may be warnings), 1 something failed, 2 usage or no \
        such check,\n3 the configuration is wrong, so that nothing else could be tried."
)]
pub struct DoctorArgs {
    /// Only these: a kind (target, credentials, issuer, listener, tls, file, exporter, redis, aws), or
    /// the name of one.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// The configuration.
    #[arg(long, short, value_name = "FILE")]
    pub config: PathBuf,
    /// How many seconds all of it may take together.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub within: u64,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What probes are made of.
struct Surgery<'a> {
    config: &'a Config,
    telemetry: &'a Arc<Telemetry>,
    fetcher: &'a Arc<Fetcher>,
    /// What is used of AWS, or why that is not known.
    cloud: Result<&'a Cloud, String>,
    until: Instant,
}

/// Runs the command.
pub async fn run(
    args: &DoctorArgs,
    out: &mut (impl Write + Send),
    err: &mut (impl Write + Send),
) -> Exit {
    let began = Instant::now();
    let until = began + Duration::from_secs(args.within);
    let file = args.config.display().to_string();
    let (findings, exit) = match load(&args.config) {
        Ok(config) => match Box::pin(examined(&config, until, &args.names)).await {
            Ok(findings) => (findings, None),
            Err(message) => {
                say(err, &format!("error: {message}\n"));
                return Exit::Usage;
            }
        },
        Err(findings) => (findings, Some(Exit::Config)),
    };
    let report = Report { file, took: began.elapsed(), findings };
    match args.output {
        Output::Text => say(out, &report.text()),
        Output::Json => say(out, &report.json()),
    }
    exit.unwrap_or(if report.failed() > 0 { Exit::Differs } else { Exit::Ok })
}

/// Reads the configuration; each mistake in it is a finding.
fn load(path: &Path) -> Result<Config, Vec<Finding>> {
    let file = path.display().to_string();
    let report = match std::fs::read_to_string(path) {
        Ok(text) => {
            let folder = check::folder(path);
            match config::load(&text, &file, check::outside(&folder)) {
                Ok(config) => return Ok(config),
                Err(report) => report,
            }
        }
        Err(error) => config::unreadable(&file, &error),
    };
    let mut findings: Vec<Finding> = report
        .mistakes()
        .iter()
        .map(|mistake| {
            let (config::Position { line, col, .. }, code) = (mistake.at, mistake.code);
            let said = Said::fail(&mistake.message, &mistake.help);
            Finding::of("config", &format!("{code} {line}:{col}"), said, Duration::ZERO)
        })
        .collect();
    let why =
        "targets, issuers, files and exporters cannot be tried before the configuration is right";
    findings.push(Finding::of("config", "all else", Said::untried(why), Duration::ZERO));
    Err(findings)
}

/// Tries everything at once.
///
/// # Errors
/// A sentence, when nothing goes by one of the names.
async fn examined(
    config: &Config,
    until: Instant,
    names: &[String],
) -> Result<Vec<Finding>, String> {
    let quiet = toolgate_telemetry::Config {
        access_log: AccessLogTo::Off,
        ..toolgate_telemetry::Config::default()
    };
    let telemetry = Telemetry::new(quiet).map_err(|error| error.to_string())?;
    let fetcher = fetcher(config);
    let found = Box::pin(Cloud::find(config)).await.map_err(|error| format!("{error:#}"));
    let cloud = found.as_ref().map_err(Clone::clone);
    let surgery = Surgery { config, telemetry: &telemetry, fetcher: &fetcher, cloud, until };
    let none = Cloud::none();
    let known = found.as_ref().unwrap_or(&none);
    let mut showing = Showing::new(known, &fetcher, &telemetry);
    let targets = targets::Targets::new(&surgery, &mut showing);
    let mut probes = vec![Probe::done("config", "file", Said::ok(summary(config)))];
    probes.extend(places::probes(&surgery));
    probes.extend(issuers::probes(&surgery));
    probes.extend(shown::probes(&surgery, &mut showing));
    probes.extend(targets.probes(&surgery));
    probes.extend(exporters::probes(&surgery));
    chosen(&mut probes, names)?;
    let findings = finding::all(probes, until).await;
    targets.end().await;
    Ok(findings)
}

fn chosen(probes: &mut Vec<Probe<'_>>, names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Ok(());
    }
    for name in names {
        if !probes.iter().any(|probe| probe.goes_by(name)) {
            let mut known: Vec<&str> = probes.iter().map(|probe| probe.area).collect();
            known.dedup();
            return Err(format!(
                "nothing here goes by `{name}`; there are {}, and the name of each",
                known.join(", ")
            ));
        }
    }
    probes.retain(|probe| names.iter().any(|name| probe.goes_by(name)));
    Ok(())
}

/// What was read, and found right by reading it.
fn summary(config: &Config) -> String {
    let mut parts = vec![format!("{} targets", config.targets.len())];
    if config.policy.is_some() {
        parts.push("its policies are understood".to_owned());
    }
    if config.pins.is_some() {
        parts.push("so is its pins file".to_owned());
    }
    parts.push("all its secrets are there".to_owned());
    parts.join(", ")
}
