//! Whether every call is counted exactly once, everywhere.
//!
//! In: a number of calls. Out: that number as the generator, the gateway's metrics, its access
//! log and the stub saw it. It tolerates no difference.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::cli::{Kind, Options};
use crate::drive::{self, Faults};
use crate::ground::{Ground, wait_listed};
use crate::mcp::{Client, FIRST_ID};
use crate::report::{Counts, print_counts};
use crate::toolgate::{self, Gateway};

/// How long all calls may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the metrics may lag behind the last answer.
const LAG: Duration = Duration::from_secs(2);
/// Time between two looks at them.
const LOOK: Duration = Duration::from_millis(20);

/// Sends the calls and compares; `false` when any two counts differ.
pub(crate) async fn run(options: &Options, calls: u64) -> Result<bool> {
    let ground = Ground::prepare(options.era, usize::from(options.clients), false).await?;
    let mut gateway = toolgate::start(&ground, Kind::Toolgate, options)?;
    wait_listed("toolgate", &gateway.door, Some(&mut gateway.child)).await?;

    let clients = drive::enter(&gateway.door, options.clients).await?;
    let (answered, faults) = send(clients, calls).await?;
    let counted = settled(&gateway, calls).await?;
    let (access_log, child) = (gateway.access_log, gateway.child);
    // The log is complete once the gateway has ended as it should.
    let status = child.stop().await?;
    if !status.success() {
        bail!("the gateway ended with {status} after SIGTERM");
    }
    let counts = Counts {
        sent: calls,
        answered,
        metrics: counted,
        access_log: toolgate::logged(&access_log)?,
        stub: ground.stub_calls().await?,
        errors: faults.samples,
    };
    print_counts(&counts, options.output)?;
    Ok(counts.agree())
}

async fn send(clients: Vec<Client>, calls: u64) -> Result<(u64, Faults)> {
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for client in clients {
        workers.spawn(work(client, Arc::clone(&next), calls));
    }
    let all = timeout(PATIENCE, workers.join_all()).await;
    let mut faults = Faults::default();
    let mut answered = 0;
    for (good, bad) in all.context("the calls took too long")? {
        answered += good;
        faults.absorb(bad);
    }
    Ok((answered, faults))
}

/// Calls until all have been sent; a connection that fails sends no more.
async fn work(mut client: Client, next: Arc<AtomicU64>, calls: u64) -> (u64, Faults) {
    let mut faults = Faults::default();
    let mut answered = 0;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= calls {
            return (answered, faults);
        }
        match client.call(FIRST_ID + number).await {
            Ok(()) => answered += 1,
            Err(error) => {
                faults.add(&error);
                return (answered, faults);
            }
        }
    }
}

/// The metric once it shows all calls, or whatever it shows after a while.
async fn settled(gateway: &Gateway, calls: u64) -> Result<u64> {
    let deadline = Instant::now() + LAG;
    let mut tick = interval(LOOK);
    loop {
        tick.tick().await;
        let counted = gateway.counted().await?;
        if counted >= calls || Instant::now() >= deadline {
            return Ok(counted);
        }
    }
}
