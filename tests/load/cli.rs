//! The command line of the load benchmark.
//!
//! In: arguments. Out: typed, bounded options. It never starts anything.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures Toolgate beside a bare relay, in one run, on one machine.
#[derive(Debug, Parser)]
#[command(name = "load", args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    /// The helper process to be, instead of the benchmark itself.
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// The processes the benchmark starts from its own binary.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// The MCP server behind every subject.
    #[command(hide = true)]
    Stub {
        /// Keep tool calls open until `POST /release`.
        #[arg(long)]
        hold: bool,
        /// Answer calls as event streams.
        #[arg(long)]
        sse: bool,
        /// How many tools to list: `echo`, and others that are only listed.
        #[arg(long, default_value_t = 1)]
        tools: u16,
    },
    /// The collector that takes the spans of `traced`, and those of `--faults` as it is told to.
    #[command(hide = true)]
    Collector {
        /// What each answer takes, milliseconds.
        #[arg(long, default_value_t = 0)]
        pause: u64,
        /// Refuse every batch with that status.
        #[arg(long)]
        refuse: Option<u16>,
        /// Take connections and requests, and answer nothing, ever.
        #[arg(long)]
        stall: bool,
    },
    /// The relay that looks at nothing: the floor.
    #[command(hide = true)]
    Relay {
        /// Where to forward to.
        target: SocketAddr,
    },
}

/// What to measure and how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to measure, comma-separated.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["direct", "relay", "toolgate"])]
    pub(crate) subjects: Vec<Kind>,
    /// The gateway's binary [default: release/toolgate in this binary's target directory].
    #[arg(long, value_name = "PATH")]
    pub(crate) toolgate: Option<PathBuf>,
    /// Measure Envoy's MCP router and mcp-proxy as well (see tests/load/README.md).
    #[arg(long)]
    pub(crate) peers: bool,
    /// Envoy's binary.
    #[arg(long, value_name = "PATH", default_value = "envoy")]
    pub(crate) envoy: PathBuf,
    /// mcp-proxy's binary.
    #[arg(long, value_name = "PATH", default_value = "mcp-proxy")]
    pub(crate) mcp_proxy: PathBuf,
    /// Protocol era spoken to every subject, and by every subject to the stub.
    #[arg(long, value_enum, default_value = "modern")]
    pub(crate) era: Era,
    /// Connections in use at once, one measurement for each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64], value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) levels: Vec<u16>,
    /// Seconds measured per subject, level and round; half a second of warm-up comes before.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: u64,
    /// How often the whole series is gone through.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=10))]
    pub(crate) rounds: u16,
    /// Instead: hold this many calls open at once and report memory.
    #[arg(long, value_name = "CALLS", conflicts_with_all = ["count", "faults"], value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) inflight: Option<u16>,
    /// Instead: send exactly this many calls through the gateway and compare all counts.
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) count: Option<u64>,
    /// Instead: measure the gateway beside backends of telemetry that are well, gone, slow,
    /// unwilling, stalled or full, and account for every span and line.
    #[arg(long, conflicts_with = "count")]
    pub(crate) faults: bool,
    /// Instead: measure the gateway in every pair of eras, with JSON and event streams, and with 1,
    /// 10 and 100 targets of ten tools each, beside the relay; and the list of 1,000 tools.
    #[arg(long, conflicts_with_all = ["count", "faults", "inflight"])]
    pub(crate) cells: bool,
    /// Connections used by `--count`.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) clients: u16,
    /// How to print the outcome.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: Output,
}

/// Something a call can be sent through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// No subject: the generator calls the stub.
    Direct,
    /// The bare relay.
    Relay,
    /// The gateway.
    Toolgate,
    /// The gateway without access log and admin server: what telemetry costs, beside `traced`.
    Quiet,
    /// The gateway with traces as well: one call in twenty goes to a collector.
    Traced,
    /// Envoy with its MCP router.
    Envoy,
    /// The crate mcp-proxy.
    McpProxy,
}

/// How MCP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Era {
    /// Revision 2026-07-28, without sessions.
    Modern,
    /// Revision 2025-06-18, with `initialize` and a session id.
    Legacy,
}

/// How the outcome is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// One JSON document.
    Json,
}

impl Kind {
    /// The name in tables and JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::Toolgate => "toolgate",
            Self::Quiet => "quiet",
            Self::Traced => "traced",
            Self::Envoy => "envoy",
            Self::McpProxy => "mcp-proxy",
        }
    }

    /// Whether it is set up to verify every caller's token.
    pub(crate) fn checks_tokens(self) -> bool {
        match self {
            Self::Direct | Self::Relay => false,
            Self::Toolgate | Self::Quiet | Self::Traced | Self::Envoy | Self::McpProxy => true,
        }
    }
}

impl Era {
    /// The protocol revision of this era.
    pub(crate) fn revision(self) -> &'static str {
        match self {
            Self::Modern => "2026-07-28",
            Self::Legacy => "2025-06-18",
        }
    }

    /// As the gateway's configuration names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }
}

impl Options {
    /// Everything to measure, each once, in the order asked for.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let peers: &[Kind] = if self.peers { &[Kind::Envoy, Kind::McpProxy] } else { &[] };
        let mut kinds = Vec::new();
        for kind in self.subjects.iter().chain(peers) {
            if !kinds.contains(kind) {
                kinds.push(*kind);
            }
        }
        kinds
    }
}
