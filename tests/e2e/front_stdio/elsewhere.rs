//! `toolgate stdio --url`: the gateway runs somewhere else.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::Scratch;
use toolgate_tests::sick::{Act, Era, Sick};

use super::child::{Front, OLDER, legacy, modern};

#[tokio::test]
async fn a_gateway_elsewhere_is_reached_with_the_token_that_the_file_holds_now() -> Result<()> {
    let issuer = Issuer::start().await?;
    let gateway = Gateway::start(&format!(
        "auth:\n  issuers:\n    - {{ name: pool, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}\n  scopes: [gateway/invoke]\ntargets:\n  clock: {{ builtin: clock }}\n",
        issuer.url()
    ))
    .await?;
    let scratch = Scratch::new()?;
    let file = scratch.write("token", "not-a-good-one\n")?;
    let path = file.display().to_string();
    let mut front = Front::before(&gateway.mcp_url(), &["--token-file", &path])?;
    let call = modern("1", "clock___now", &json!({}));
    // The gateway refuses before it has read the id, which the client gets back all the same.
    let refused = front.ask(&call).await?;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1), &json!(401)), "{refused}");
    scratch.write("token", &issuer.token(&["gateway/invoke"]))?;
    ensure!(front.ask(&call).await?["result"].is_object());
    front.session(OLDER).await?;
    ensure!(front.ask(legacy("2", "clock___now", &json!({}))).await?["result"].is_object());
    front.close();
    assert_eq!(front.ended().await?.code(), Some(0), "{}", front.stderr());
    ensure!(!front.stderr().contains("not-a-good-one"), "{}", front.stderr());
    gateway.books_agree().await
}

#[tokio::test]
async fn a_session_that_the_gateway_has_forgotten_is_opened_again_unseen() -> Result<()> {
    // A target stands in for a gateway that was started again.
    let sick = Sick::start(Era::Legacy).await?;
    let mut front = Front::before(&sick.url(), &[])?;
    front.session(OLDER).await?;
    sick.then([Act::LoseSession, Act::Answer, Act::LoseSession, Act::LoseSession]);
    let done = front.ask(legacy("1", "write", &json!({}))).await?;
    ensure!(done["id"] == 1 && done["result"].is_object(), "{done}");
    assert_eq!((sick.asked("initialize"), sick.calls("write")), (2, 2));
    // Once, and not for ever.
    let lost = front.ask(legacy("2", "write", &json!({}))).await?;
    ensure!(lost["id"] == 2 && lost["error"].is_object(), "{lost}");
    assert_eq!((sick.asked("initialize"), sick.calls("write")), (3, 4));
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_named_and_the_call_may_be_repeated() -> Result<()> {
    let url = format!("http://{}/mcp", free_address()?);
    let mut front = Front::before(&url, &[])?;
    let error = front.ask(modern("1", "clock___now", &json!({}))).await?;
    let data = &error["error"]["data"];
    assert_eq!((&error["id"], &data["reason"]), (&json!(1), &json!("connect_refused")), "{error}");
    assert_eq!((&data["blame"], &data["retry_safe"]), (&json!("network"), &json!(true)), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_no_gateway_is_told_from_a_refusal() -> Result<()> {
    // A target stands in for whatever answers there.
    let sick = Sick::start(Era::Modern).await?;
    sick.then([
        Act::page("502 Bad Gateway", "text/html", "<html>"),
        Act::page("200 OK", "text/html", "<html>"),
        Act::Stream(toolgate_tests::sick::Shape::Cut),
    ]);
    let mut front = Front::before(&sick.url(), &[])?;
    for reason in ["upstream_5xx", "upstream_protocol", "reset"] {
        let mut error = front.ask(modern("1", "write", &json!({}))).await?;
        while error.get("method").is_some() {
            error = front.hear().await?;
        }
        let data = &error["error"]["data"];
        assert_eq!((&error["id"], &data["reason"]), (&json!(1), &json!(reason)), "{error}");
        assert_eq!(data["outcome"], Value::from("unknown"), "{error}");
    }
    Ok(())
}
