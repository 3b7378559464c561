//! What is asked, and what is said.

use clap::Parser as _;

use super::{LogLevelArgs, Now, line, request, run};
use crate::cli::{Cli, Command};
use crate::exit::Exit;

fn args(words: &[&str]) -> LogLevelArgs {
    let cli = Cli::try_parse_from([&["toolgate", "log-level"], words].concat()).unwrap();
    let Command::LogLevel(args) = cli.command else { panic!("{:?}", cli.command) };
    args
}

#[test]
fn a_level_is_put_and_no_level_is_asked_for() {
    let asked = |words: &[&str]| {
        let (method, url) = request(&args(words), "http://h:1/");
        format!("{method} {url}")
    };
    assert_eq!(asked(&[]), "GET http://h:1/debug/log");
    assert_eq!(asked(&["debug"]), "PUT http://h:1/debug/log?level=debug");
    assert_eq!(
        asked(&["info,toolgate_reach=debug", "--for", "10m"]),
        "PUT http://h:1/debug/log?level=info,toolgate_reach=debug&for=10m"
    );
    assert_eq!(asked(&["a&for=9h é"]), "PUT http://h:1/debug/log?level=a%26for=9h%20%C3%A9");
    assert!(Cli::try_parse_from(["toolgate", "log-level", "--for", "10m"]).is_err());
}

#[test]
fn it_is_said_when_the_level_returns() {
    let now = |returns_in_ms| {
        let (level, configured) = ("debug".to_owned(), "info".to_owned());
        line(&Now { level, configured, returns_in_ms })
    };
    assert_eq!(now(None), "debug\n");
    assert_eq!(now(Some(599_001)), "debug for 600 s, then info again\n");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_exit_7_and_a_wrong_url_is_exit_2() {
    let said = async |admin: &str| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(&args(&["--admin", admin]), &|_| None, &mut out, &mut err).await;
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let (exit, out, err) = said("http://127.0.0.1:1").await;
    assert_eq!((exit, out.as_str()), (Exit::Gateway, ""));
    assert!(err.contains("what `admin` of its configuration says"), "{err}");
    let (exit, _, err) = said("127.0.0.1:9464").await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("http://127.0.0.1:9464"), "{err}");
}
