//! Memory with many calls open at once.
//!
//! In: how many. Out: resident memory of each subject while the stub keeps them all, and whether
//! every one of them was answered afterwards.

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use crate::cli::{Kind, Options};
use crate::drive::Faults;
use crate::ground::Ground;
use crate::mcp::FIRST_ID;
use crate::report::{Held, print_held};

/// How long the answers may take once they are released.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures every subject in turn; `false` when a call was not answered well.
pub(crate) async fn run(options: &Options, calls: usize) -> Result<bool> {
    let mut rows = Vec::new();
    for kind in options.kinds() {
        // A process of its own is what is measured, and the direct way has none.
        if kind != Kind::Direct {
            rows.push(one(options, kind, calls).await?);
        }
    }
    print_held(&rows, options.output)?;
    Ok(rows.iter().all(|row| row.answered == calls))
}

async fn one(options: &Options, kind: Kind, calls: usize) -> Result<Held> {
    let ground = Ground::prepare(options.era, calls, true).await?;
    let subject = ground.subject(kind, options).await?;
    let mut open = JoinSet::new();
    for id in (FIRST_ID..).take(calls) {
        let mut client = subject.door.enter().await?;
        open.spawn(async move { client.call(id).await });
    }
    ground.wait_held(calls).await.with_context(|| kind.name())?;
    let rss = subject.rss()?;
    ground.release().await?;

    let mut faults = Faults::default();
    let mut answered = 0;
    let all = timeout(PATIENCE, async {
        while let Some(outcome) = open.join_next().await {
            match outcome? {
                Ok(()) => answered += 1,
                Err(error) => faults.add(&error),
            }
        }
        anyhow::Ok(())
    });
    all.await.with_context(|| format!("{} left a held call unanswered", kind.name()))??;
    let held = Held {
        subject: kind.name(),
        calls,
        answered,
        idle_rss_mib: subject.idle_rss,
        rss_mib: rss,
        errors: faults.samples,
    };
    subject.stop().await?;
    Ok(held)
}
