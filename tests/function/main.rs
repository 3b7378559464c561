//! How heavy `toolgate-tools` is as a function.
//!
//! In: the binary, from a release build (`cargo build --release -p toolgate-tools`), and how often to start it. Out:
//! the median of its starts, its memory after a call, its size as a zip has it; an error when one of them is over
//! its limit.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Parser;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::json;
use toolgate_tests::lambda::{Function, Seen};

/// The most that a start may take.
const INIT: Duration = Duration::from_millis(50);
/// The most memory after a call, in KiB.
const MEMORY: u64 = 30 * 1024;
/// The most bytes of a zip.
const ZIP: u64 = 12_000_000;

#[derive(Debug, Parser)]
struct Args {
    /// The binary.
    binary: PathBuf,
    /// How often it is started.
    #[arg(long, default_value_t = 20)]
    starts: usize,
}

/// Counts what is written.
struct Count(u64);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let call = Seen {
        function: "search".to_owned(),
        target: String::new(),
        context: json!({ "custom": { "bedrockAgentCoreToolName": "search___web_search" } }),
        trace: None,
        // A tool runs, and connects to nobody.
        payload: Bytes::from_static(br#"{"query":"a"}"#),
    };
    let env =
        [("TOOLGATE_WEB_SEARCH", "duckduckgo"), ("TOOLGATE_WEB_SEARCH_URL", "http://127.0.0.1:1")];
    let (mut starts, mut memory) = (Vec::new(), 0);
    for _ in 0..args.starts.max(1) {
        let function = Function::program(args.binary.clone(), &env, Duration::from_secs(20));
        let ran = function.run(&call).await;
        ensure!(ran.error.is_none(), "{ran:?}");
        starts.push(ran.init.context("no start")?);
        memory = memory.max(function.resident_kib().await?);
    }
    starts.sort_unstable();
    let init = starts.get(starts.len() / 2).copied().unwrap_or_default();
    let mut packed = DeflateEncoder::new(Count(0), Compression::best());
    io::copy(&mut File::open(&args.binary)?, &mut packed)?;
    let zip = packed.finish()?.0;
    let said = format!(
        "start {init:?} (median of {}), memory {memory} KiB, zip {zip} bytes",
        starts.len()
    );
    writeln!(io::stdout(), "{said}")?;
    ensure!(
        init <= INIT && memory <= MEMORY && zip <= ZIP,
        "more than {INIT:?}, {MEMORY} KiB or {ZIP} bytes"
    );
    Ok(())
}

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
