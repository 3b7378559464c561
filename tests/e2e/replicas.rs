//! Two gateways that share the key of their sessions, behind a balancer that knows nothing of
//! sessions. (Calls that are parked at one of them: `asks/trouble.rs`.)

use anyhow::{Context, Result, ensure};
use toolgate_tests::balancer::Balancer;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::upstream::Upstream;
use toolgate_tests::wait::until;

use crate::expect::OPEN;
use crate::peers::driver::{Driver, Era, Peer, installed};

const CALLS: usize = 6;
/// So many requests each of the two must have: a third of the calls, handshake and list apart.
const ENOUGH: f64 = 2.0;

async fn both(config: &str) -> Result<[Gateway; 2]> {
    let env = [("KEY", "0123456789abcdef0123456789abcdef")];
    let start = async || Gateway::start_with(config, &env).await;
    Ok([start().await?, start().await?])
}

#[tokio::test]
async fn no_client_notices_which_replica_answers() -> Result<()> {
    installed()?;
    let (modern, legacy) = tokio::try_join!(Upstream::start("modern"), Upstream::start("legacy"))?;
    let config = format!(
        "{OPEN}sessions: {{ key: env:KEY }}\ntargets:\n  m: {{ mcp: {{ url: \"{}\" }} }}\n  l: {{ mcp: {{ url: \"{}\" }} }}\n",
        modern.url(),
        legacy.url()
    );
    let gateways = both(&config).await?;
    for gateway in &gateways {
        until("both targets are listed", async || {
            Ok((gateway.client().tools().await?.len() == 12).then_some(()))
        })
        .await?;
    }
    let balancer = Balancer::before(gateways.iter().map(Gateway::listen)).await?;
    let calls = (0..CALLS).flat_map(|number| {
        let target = if number % 2 == 0 { "m" } else { "l" };
        let arguments = format!(r#"{{"text":"call {number}"}}"#);
        ["--call".to_owned(), format!("{target}___echo"), arguments]
    });
    let args: Vec<String> = std::iter::once("--tools".to_owned()).chain(calls).collect();
    for era in Era::BOTH {
        for peer in [Peer::PythonSdk, Peer::FastMcp, Peer::TsSdk, Peer::Rmcp] {
            let before = served(&gateways).await?;
            let report = Driver::new(peer, era, balancer.mcp_url()).report(&args).await;
            let report = report.with_context(|| format!("{peer:?} {era:?}"))?;
            ensure!(report.is_of(peer, era), "{peer:?} {era:?}: {report:?}");
            ensure!(report.tools.len() == 12, "{peer:?} {era:?}: {report:?}");
            for (number, called) in report.calls.iter().enumerate() {
                let is_ours = called.text == format!("call {number}") && !called.is_error;
                ensure!(is_ours, "{peer:?} {era:?}: {called:?}");
            }
            ensure!(report.calls.len() == CALLS, "{peer:?} {era:?}: {report:?}");
            let after = served(&gateways).await?;
            let each: Vec<f64> =
                after.iter().zip(before).map(|(after, before)| after - before).collect();
            ensure!(each.iter().all(|calls| *calls >= ENOUGH), "{peer:?} {era:?}: {each:?}");
        }
    }
    for gateway in &gateways {
        gateway.books_agree().await?;
    }
    Ok(())
}

/// How many requests each has answered.
async fn served(gateways: &[Gateway]) -> Result<Vec<f64>> {
    let mut served = Vec::new();
    for gateway in gateways {
        served.push(gateway.metrics().await?.sum("toolgate_requests_total", &[]));
    }
    Ok(served)
}
