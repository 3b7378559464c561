//! What the commands take, and what they say when nothing can be sent.

use clap::Parser as _;

use super::{alarms, dashboards};
use crate::cli::{Alarms, Cli, Command, Dashboards};
use crate::exit::Exit;

/// Runs a command; gives the exit and both streams.
async fn said(words: &[&str]) -> (Exit, String, String) {
    let cli = Cli::try_parse_from([&["toolgate"], words].concat()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let none = |_: &str| None;
    let exit = if let Command::Dashboards(Dashboards::Apply(args)) = cli.command {
        dashboards(&args, &none, &mut out, &mut err).await
    } else if let Command::Alarms(Alarms::Apply(args)) = cli.command {
        alarms(&args, &none, &mut out, &mut err).await
    } else {
        panic!("{words:?}")
    };
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn words_that_cannot_be_are_refused_before_anything_else() {
    for words in [
        &["alarms", "apply", "--page-topic", "pages"][..],
        &["alarms", "apply", "--ticket-topic", "arn:aws:sqs:us-east-1:1:q"],
        &["alarms", "apply", "--prefix", "a b"],
        &["dashboards", "apply", "--prefix", ""],
        &["dashboards", "apply", "--log-group", "'; drop"],
        &["dashboards", "apply", "--page-topic", "arn:aws:sns:us-east-1:1:t"],
    ] {
        let refused = Cli::try_parse_from([&["toolgate"], words].concat());
        assert!(refused.is_err(), "{words:?}");
    }
}

#[test]
fn both_helps_have_examples_permissions_and_every_exit_code() {
    for (name, action) in [("dashboards", "PutDashboard"), ("alarms", "PutCompositeAlarm")] {
        let help = Cli::try_parse_from(["toolgate", name, "apply", "--help"]).unwrap_err();
        let help = help.to_string();
        assert!(help.contains(&format!("toolgate {name} apply --region")), "{help}");
        assert!(help.contains(action), "{help}");
        for code in ["0 done", "1 --dry-run", "2 usage", "4 credentials", "6 AWS", "9 CloudWatch"] {
            assert!(help.contains(code), "{code}: {help}");
        }
    }
}

#[cfg(not(feature = "aws"))]
#[tokio::test]
async fn without_the_feature_the_commands_say_so() {
    for name in ["dashboards", "alarms"] {
        let (exit, out, err) = said(&[name, "apply"]).await;
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
        assert!(err.contains("without the feature `aws`") && err.contains("help: "), "{err}");
    }
}

#[cfg(feature = "aws")]
#[tokio::test]
async fn what_nobody_could_send_is_one_document_with_json() {
    let words = ["alarms", "apply", "--region", "r", "--endpoint", "http://127.0.0.1:1"];
    let (exit, out, err) = said(&[&words[..], &["--output", "json"]].concat()).await;
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["error"]["exit"], exit.code());
    assert!(matches!(exit, Exit::Target | Exit::Identity), "{out}");
    assert_eq!((document["changes"].as_array().unwrap().len(), err.as_str()), (0, ""));
    assert_eq!((&document["region"], &document["dry_run"]), (&"r".into(), &false.into()));
}
