//! What a page in a browser needs before it can be a caller (Fetch, "CORS protocol").

use anyhow::{Context, Result};
use http::Method;
use serde_json::json;
use toolgate_tests::client::{Answer, Ask};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};

use crate::expect::Refused;

const PAGE: &str = "https://app.example.com";

async fn gateway(issuer: &Issuer) -> Result<Gateway> {
    let url = issuer.url();
    let config = format!(
        "origins: [\"{PAGE}\"]\nauth:\n  issuers:\n    - {{ name: main, profile: cognito, \
         issuer: \"{url}\", clients: [{CLIENT_ID}] }}\n  scopes: [gateway/invoke]\n\
         targets: {{ clock: {{ stdio: {{ command: [\"true\"] }} }} }}\n"
    );
    Gateway::start(&config).await
}

fn preflight(path: &str, origin: &str) -> Ask {
    Ask::of(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,mcp-session-id,mcp-method,x-odd",
        )
}

fn listed(answer: &Answer, header: &str) -> Result<Vec<String>> {
    let text = answer.header(header).with_context(|| format!("no {header}"))?;
    Ok(text.split(',').map(|word| word.trim().to_ascii_lowercase()).collect())
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_and_read() -> Result<()> {
    let issuer = Issuer::start().await?;
    let gateway = gateway(&issuer).await?;
    for path in ["/mcp", "/.well-known/oauth-protected-resource/mcp"] {
        let answer = gateway.client().send(preflight(path, PAGE)).await?;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some(PAGE));
        assert_eq!(answer.header("vary").as_deref(), Some("Origin"));
        let methods = listed(&answer, "access-control-allow-methods")?;
        assert!(["get", "post", "delete"].iter().all(|m| methods.iter().any(|have| have == m)));
        let headers = listed(&answer, "access-control-allow-headers")?;
        assert_eq!(headers, ["authorization", "content-type", "mcp-session-id", "mcp-method"]);
    }
    // The challenge of a 401 is what starts a login: a page must be able to read it.
    let list = Ask::modern("tools/list", json!({})).header("origin", PAGE);
    let refused = gateway.client().send(list.clone()).await?;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin").as_deref(), Some(PAGE));
    let exposed = listed(&refused, "access-control-expose-headers")?;
    for header in ["mcp-session-id", "www-authenticate", "x-request-id", "server-timing"] {
        assert!(exposed.iter().any(|name| name == header), "{header} is not in {exposed:?}");
    }
    let token = issuer.token(&["gateway/invoke"]);
    let answer = gateway.client().with_token(token).send(list).await?;
    assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some(PAGE));
    let document = Ask::get("/.well-known/oauth-protected-resource").header("origin", PAGE);
    let answer = gateway.client().send(document).await?;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some(PAGE));
    gateway.books_agree().await
}

#[tokio::test]
async fn a_page_of_another_origin_and_a_caller_that_is_no_page_are_told_nothing() -> Result<()> {
    let issuer = Issuer::start().await?;
    let gateway = gateway(&issuer).await?;
    let evil = gateway.client().send(preflight("/mcp", "https://evil.example.com")).await?;
    Refused::caller(403, -32600, "forbidden", "this Origin is not allowed")
        .check(&gateway, &evil)
        .await?;
    let robot = gateway.client().modern("tools/list", json!({})).await?;
    for answer in [evil, robot] {
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let document = "/.well-known/oauth-protected-resource";
    let answer = gateway.client().send(Ask::of(Method::PUT, document)).await?;
    assert_eq!((answer.status, answer.header("allow").as_deref()), (405, Some("GET, HEAD")));
    gateway.books_agree().await
}
