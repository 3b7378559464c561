//! A client that someone else wrote is asked, in both eras, by targets of both.

use anyhow::{Result, ensure};
use toolgate_tests::gateway::Gateway;

use crate::asks::scene::{Scene, Wire};
use crate::asks::{KINDS, word};
use crate::expect::OPEN;
use crate::peers::driver::{Driver, Era, Peer, installed, script_yaml};

#[tokio::test]
async fn the_python_sdk_answers_targets_of_both_eras_in_both() -> Result<()> {
    installed()?;
    for (target, wire) in [("modern", Wire::Http), ("legacy", Wire::Http), ("legacy", Wire::Stdio)]
    {
        let scene = Scene::start(target, wire, "").await?;
        for era in Era::BOTH {
            let driver = Driver::new(Peer::PythonSdk, era, scene.gateway.mcp_url());
            let calls = KINDS.map(|kind| {
                ["--call".to_owned(), "q___ask".to_owned(), format!("{{\"kind\":\"{kind}\"}}")]
            });
            let args: Vec<String> = std::iter::once("--answers".to_owned())
                .chain(calls.into_iter().flatten())
                .collect();
            let report = driver.report(&args).await?;
            ensure!(report.calls.len() == KINDS.len(), "{era:?} {target}: {report:?}");
            for (called, kind) in report.calls.iter().zip(KINDS) {
                let good = !called.is_error && called.text.contains(word(kind));
                ensure!(good, "{era:?}, {target} target, {wire:?}, {kind}: {called:?}");
            }
        }
        scene.is_quiet().await?;
        scene.gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_reference_server_asks_the_python_sdk_in_both_eras() -> Result<()> {
    installed()?;
    let child = script_yaml("everything-stdio");
    let config = format!("{OPEN}targets:\n  e: {{ stdio: {{ command: {child} }} }}\n");
    let gateway = Gateway::start(&config).await?;
    let calls = [
        ("e___trigger-elicitation-request", "{}", "Ada"),
        ("e___trigger-sampling-request", r#"{"prompt":"think"}"#, "thought"),
        ("e___get-roots-list", "{}", ""),
    ];
    for era in Era::BOTH {
        let driver = Driver::new(Peer::PythonSdk, era, gateway.mcp_url());
        let args = calls.iter().flat_map(|(tool, arguments, _)| ["--call", tool, arguments]);
        let args: Vec<String> =
            std::iter::once("--answers").chain(args).map(str::to_owned).collect();
        let report = driver.report(&args).await?;
        for (called, (tool, _, word)) in report.calls.iter().zip(calls) {
            let good = !called.is_error && called.text.contains(word);
            ensure!(good, "{era:?} {tool}: {called:?}");
        }
    }
    gateway.books_agree().await
}
