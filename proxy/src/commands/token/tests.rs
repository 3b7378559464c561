//! What `toolgate token` prints.

use clap::Parser;
use serde_json::Value;

use super::{TokenArgs, run};
use crate::commands::call::tests::stage::{Dev, Ran};
use crate::commands::canned::{Canned, Server};
use crate::exit::Exit;

const GRANTED: &str = r#"{"access_token":"abc.def.ghi","expires_in":3600,"token_type":"Bearer"}"#;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    token: TokenArgs,
}

fn parsed(words: &[&str]) -> Result<TokenArgs, clap::Error> {
    let line = std::iter::once("token").chain(words.iter().copied());
    Line::try_parse_from(line).map(|line| line.token)
}

async fn run_in(words: &[&str], env: &dyn Fn(&str) -> Option<String>) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(parsed(words).unwrap(), env, &mut out, &mut err).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { exit, out: text(out), err: text(err) }
}

async fn of_dev(name: &str, words: &[&str]) -> (Ran, Server) {
    let server = Server::start(vec![Canned::json(200, GRANTED)]).await;
    let dev = Dev::new(name, &server);
    let ran = run_in(words, &|name| dev.env(name)).await;
    (ran, server)
}

#[tokio::test]
async fn the_token_of_dev_is_one_bare_line() {
    let (ran, server) = of_dev("token-bare", &[]).await;
    assert_eq!((ran.exit, &*ran.out, &*ran.err), (Exit::Ok, "abc.def.ghi\n", ""));
    let body = server.only().body;
    assert!(body.ends_with("scope=gateway%2Finvoke%20gateway%2Fobserve"), "{body}");
}

#[tokio::test]
async fn more_scopes_are_asked_for_once_each() {
    let words = ["--scope", "k8s/write", "--scope", "gateway/invoke"];
    let (_, server) = of_dev("token-scopes", &words).await;
    let body = server.only().body;
    assert!(body.ends_with("=gateway%2Finvoke%20gateway%2Fobserve%20k8s%2Fwrite"), "{body}");
}

#[tokio::test]
async fn claude_code_gets_the_one_line_it_needs() {
    let (ran, server) = of_dev("token-claude", &["--client", "claude-code"]).await;
    let url = server.url("/mcp");
    let line = format!(
        "claude mcp add --transport http toolgate {url} --header \"Authorization: Bearer abc.def.ghi\"\n"
    );
    assert_eq!(ran.out, line);
}

#[tokio::test]
async fn curl_gets_a_whole_request() {
    let (ran, server) = of_dev("token-curl", &["--client", "curl"]).await;
    assert!(ran.out.starts_with(&format!("curl -sS '{}' \\\n", server.url("/mcp"))));
    assert!(ran.out.contains("-H \"Authorization: Bearer abc.def.ghi\" \\\n"));
    assert!(ran.out.contains("-H 'Mcp-Method: tools/list'"));
}

#[tokio::test]
async fn as_json_it_is_one_document() {
    let (ran, _) = of_dev("token-json", &["--output", "json"]).await;
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["access_token"], "abc.def.ghi");
    assert_eq!(document["token_type"], "Bearer");
    assert_eq!(document["expires_in"], 3600);
    assert_eq!(document["scope"], "gateway/invoke gateway/observe");
}

#[tokio::test]
async fn an_issuer_that_is_named_is_discovered_and_asked_for_exactly_the_scopes() {
    let discovery = r#"{"issuer":"ORIGIN","token_endpoint":"ORIGIN/t"}"#;
    let answers = vec![Canned::json(200, discovery), Canned::json(200, GRANTED)];
    let server = Server::start(answers).await;
    let issuer = server.url("");
    let words = ["--issuer-url", &issuer, "--client-id", "agent", "--client-secret-env", "SECRET"];
    let env = |name: &str| (name == "SECRET").then(|| "sesame".to_owned());
    let ran = run_in(&[&words[..], &["--scope", "k8s/write"]].concat(), &env).await;
    assert_eq!((ran.exit, &*ran.out), (Exit::Ok, "abc.def.ghi\n"), "{}", ran.err);
    let seen = server.seen();
    assert_eq!(seen[0].path, "/.well-known/openid-configuration");
    assert_eq!(seen[1].path, "/t");
    assert_eq!(seen[1].body, "grant_type=client_credentials&scope=k8s%2Fwrite");
}

#[tokio::test]
async fn a_token_endpoint_that_is_named_is_asked_as_the_client() {
    let server = Server::start(vec![Canned::json(200, GRANTED)]).await;
    let url = server.url("/t");
    let words = ["--token-url", &url, "--client-id", "agent", "--client-secret-env", "SECRET"];
    let env = |name: &str| (name == "SECRET").then(|| "sesame".to_owned());
    let ran = run_in(&[&words[..], &["--scope", "a"]].concat(), &env).await;
    assert_eq!((ran.exit, &*ran.out), (Exit::Ok, "abc.def.ghi\n"));
    assert_eq!(server.only().body, "grant_type=client_credentials&scope=a");
    let ran = run_in(&[&words[..], &["--client", "curl"]].concat(), &env).await;
    assert_eq!((ran.exit, &*ran.out), (Exit::Gateway, ""), "no gateway is known");
    let ran = run_in(&words, &|_| None).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("error[TG4013]: `SECRET` is not set"), "{}", ran.err);
}

#[tokio::test]
async fn a_refusal_exits_4_and_shows_no_secret() {
    let server = Server::start(vec![Canned::json(400, r#"{"error":"invalid_client"}"#)]).await;
    let dev = Dev::new("token-refused", &server);
    let ran = run_in(&[], &|name| dev.env(name)).await;
    assert_eq!((ran.exit, &*ran.out), (Exit::Identity, ""));
    assert!(ran.err.contains("error[TG4012]: the issuer refused a token: invalid_client"));
    assert!(!ran.err.contains("topsecret"));
    let ran = run_in(&["--output", "json"], &|name| dev.env(name)).await;
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["error"]["code"], "TG4012");
}

#[tokio::test]
async fn without_dev_and_without_an_issuer_it_says_what_to_name() {
    let ran = run_in(&[], &|_| None).await;
    assert_eq!(ran.exit, Exit::Gateway);
    assert!(ran.err.contains("--issuer-url or --token-url"), "{}", ran.err);
}

#[test]
fn an_issuer_needs_a_client_and_a_client_an_issuer() {
    let wrong: [&[&str]; 5] = [
        &["--issuer-url", "http://i"],
        &["--token-url", "http://i", "--client-id", "a"],
        &["--client-id", "a", "--client-secret-env", "S"],
        &[
            "--issuer-url",
            "http://i",
            "--token-url",
            "http://i",
            "--client-id",
            "a",
            "--client-secret-env",
            "S",
        ],
        &["--url", "http://i"],
    ];
    for words in wrong {
        assert!(parsed(words).is_err(), "{words:?}");
    }
}
