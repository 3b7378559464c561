//! A user pool of Cognito, as ministack has it: its tokens open what their scopes are for, and a client
//! that someone else wrote gets a wider one when it is told that it needs it.
//!
//! ministack's tokens name Amazon's issuer, as real ones do, while its keys are at its own address. So the
//! gateway is told where the keys are, and the client is told where the issuer's host is.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::emulator::Emulator;
use toolgate_tests::gateway::Gateway;

use crate::expect::{Refused, fine};
use crate::peers::driver::{Driver, Era, Peer};

const REGION: &str = "us-east-1";
const INVOKE: &str = "gateway/invoke";
const READ: &str = "clock/read";
/// What a token without the scope of `clock___now` sees.
const LISTED: [&str; 3] = ["clock___sleep", "other___now", "other___sleep"];
const WANTS_MORE: Refused = Refused::caller(
    403,
    403,
    "forbidden",
    "this needs a token with the scopes: clock/read gateway/invoke",
);
const INVALID: Refused =
    Refused::caller(401, 401, "unauthenticated", "the bearer token is not accepted");

/// A pool with the scopes above.
struct Pool<'a> {
    stack: &'a Emulator,
    id: String,
}

/// A client of a pool that is no person.
struct Machine {
    id: String,
    secret: String,
}

impl<'a> Pool<'a> {
    async fn new(stack: &'a Emulator) -> Result<Self> {
        let made = ask(stack, "CreateUserPool", json!({ "PoolName": "machines" })).await?;
        let id = text(&made, "/UserPool/Id")?;
        let pool = Self { stack, id };
        for scope in [INVOKE, READ] {
            let (server, name) = scope.split_once('/').context("no server")?;
            let scopes = json!([{ "ScopeName": name, "ScopeDescription": name }]);
            let server = json!({ "Identifier": server, "Name": server, "Scopes": scopes });
            pool.ask("CreateResourceServer", server).await?;
        }
        // Without a domain Cognito has no token endpoint.
        let domain = format!("machines-{}", pool.id.to_ascii_lowercase().replace('_', "-"));
        pool.ask("CreateUserPoolDomain", json!({ "Domain": domain })).await?;
        Ok(pool)
    }

    /// A client that may have these scopes.
    async fn machine(&self, scopes: &[&str]) -> Result<Machine> {
        let wanted = json!({
            "ClientName": "agent",
            "GenerateSecret": true,
            "AllowedOAuthFlows": ["client_credentials"],
            "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthScopes": scopes,
        });
        let made = self.ask("CreateUserPoolClient", wanted).await?;
        let text = |name: &str| text(&made, &format!("/UserPoolClient/{name}"));
        Ok(Machine { id: text("ClientId")?, secret: text("ClientSecret")? })
    }

    async fn token(&self, of: &Machine, scopes: &[&str]) -> Result<String> {
        let who = STANDARD.encode(format!("{}:{}", of.id, of.secret));
        // No scope has a character that a form would have to escape but for this one.
        let scope = scopes.join(" ").replace('/', "%2F").replace(' ', "+");
        let ask = Ask::post(format!("grant_type=client_credentials&scope={scope}"))
            .to("/oauth2/token")
            .instead("content-type", "application/x-www-form-urlencoded")
            .header("authorization", &format!("Basic {who}"));
        let answer = Client::new(self.stack.address()).send(ask).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
        text(&serde_json::from_str(&answer.text())?, "/access_token")
    }

    /// What `iss` says.
    fn issuer(&self) -> String {
        format!("https://cognito-idp.{REGION}.amazonaws.com/{}", self.id)
    }

    /// A gateway that lets these clients of the pool in, before a clock that wants a scope of its own.
    async fn gateway(&self, clients: &[&Machine]) -> Result<Gateway> {
        let ids: Vec<&str> = clients.iter().map(|client| &*client.id).collect();
        let keys = format!("{}/{}/.well-known/jwks.json", self.stack.url(), self.id);
        Gateway::start(&format!(
            "auth:\n  issuers:\n    - {{ name: pool, profile: cognito, issuer: \"{}\", jwks_url: \"{keys}\", \
             clients: [{}] }}\n  scopes: [{INVOKE}]\ntargets: {{ clock: {{ builtin: clock }}, other: {{ builtin: clock }} }}\n\
             tools: {{ clock___now: {{ scopes: [{READ}] }} }}\n",
            self.issuer(),
            ids.join(", "),
        ))
        .await
    }

    /// Has a client of others get its tokens by itself.
    fn arguments(&self, of: &Machine, calls: &str) -> Vec<String> {
        let (issuer, there) = (self.issuer(), self.stack.url());
        let words = ["--client", &of.id, &of.secret, "--issuer", &issuer, "--issuer-at", &there];
        words.into_iter().chain(calls.split(' ')).map(str::to_owned).collect()
    }

    async fn ask(&self, operation: &str, mut what: Value) -> Result<Value> {
        what["UserPoolId"] = json!(self.id);
        ask(self.stack, operation, what).await
    }
}

async fn ask(stack: &Emulator, operation: &str, what: Value) -> Result<Value> {
    // ministack reads from the scope of the signature which service is meant, and nothing else.
    let scope = format!("Credential=x/20260101/{REGION}/cognito-idp/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
    let ask = Ask::post(what.to_string())
        .to("/")
        .instead("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", &format!("AWSCognitoIdentityProviderService.{operation}"))
        .header("authorization", &signature);
    let answer = Client::new(stack.address()).send(ask).await?;
    ensure!(answer.status == 200, "{operation}: {} {}", answer.status, answer.text());
    Ok(serde_json::from_str(&answer.text())?)
}

fn text(from: &Value, at: &str) -> Result<String> {
    let text = from.pointer(at).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {at} in {from}"))?.to_owned())
}

#[tokio::test]
async fn tokens_of_a_pool_open_what_their_scopes_are_for() -> Result<()> {
    let stack = Emulator::ministack().await?;
    let pool = Pool::new(&stack).await?;
    let (agent, stranger) =
        (pool.machine(&[INVOKE, READ]).await?, pool.machine(&[INVOKE, READ]).await?);
    let gateway = pool.gateway(&[&agent]).await?;
    let with = |token: &str| gateway.client().with_token(token);
    let narrow = with(&pool.token(&agent, &[INVOKE]).await?);
    let wide = with(&pool.token(&agent, &[INVOKE, READ]).await?);
    ensure!(narrow.tools().await? == LISTED, "{:?}", narrow.tools().await?);
    ensure!(wide.tools().await?.iter().any(|tool| tool == "clock___now"));
    fine(&gateway, &wide.tool("clock___now", json!({})).await?).await?;
    fine(&gateway, &narrow.tool("other___now", json!({})).await?).await?;
    let answer = narrow.tool("clock___now", json!({})).await?;
    WANTS_MORE.check(&gateway, &answer).await?;
    let challenge = answer.header("www-authenticate").context("no challenge")?;
    let expected = format!(
        "Bearer error=\"insufficient_scope\", resource_metadata=\"http://{}/.well-known/\
         oauth-protected-resource/mcp\", scope=\"{READ} {INVOKE}\"",
        gateway.listen()
    );
    ensure!(challenge == expected, "{challenge}");
    // A token without the gateway's own scope; a client of the pool that nobody let in; another pool.
    let answer = with(&pool.token(&agent, &[READ]).await?).tool("other___now", json!({})).await?;
    ensure!(answer.status == 403, "{} {}", answer.status, answer.text());
    let other = Pool::new(&stack).await?;
    let elsewhere = other.machine(&[INVOKE]).await?;
    for token in
        [pool.token(&stranger, &[INVOKE]).await?, other.token(&elsewhere, &[INVOKE]).await?]
    {
        INVALID.check(&gateway, &with(&token).tool("other___now", json!({})).await?).await?;
    }
    gateway.books_agree().await
}

/// The Python SDK's provider for client credentials does it all by itself: from the 401 to the metadata, to
/// the issuer, to a token; from the 403 to one with more scopes; and the call is made again.
#[tokio::test]
async fn a_client_of_others_steps_up_when_a_tool_wants_more() -> Result<()> {
    let stack = Emulator::ministack().await?;
    let pool = Pool::new(&stack).await?;
    let agent = pool.machine(&[INVOKE, READ]).await?;
    for era in Era::BOTH {
        let gateway = pool.gateway(&[&agent]).await?;
        let driver = Driver::new(Peer::PythonSdk, era, gateway.mcp_url());
        let calls = "--tools --call other___now {} --call clock___now {} --call other___now {}";
        let report = driver
            .report(&pool.arguments(&agent, calls))
            .await
            .with_context(|| format!("{era:?}"))?;
        ensure!(report.tools == LISTED, "{era:?}: {:?}", report.tools);
        ensure!(report.calls.len() == 3 && report.calls.iter().all(|call| !call.is_error));
        let granted = report.granted.context("no tokens")?;
        ensure!(granted == [vec![INVOKE], vec![READ, INVOKE]], "{era:?}: {granted:?}");
        let metrics = gateway.metrics().await?;
        let refused = metrics.sum("toolgate_authz_decisions_total", &[("outcome", "deny")]);
        ensure!(refused == 1.0, "{era:?}: {refused} calls were refused for want of a scope");
    }
    Ok(())
}

/// A client that may not have the scope is not let in by asking for it.
#[tokio::test]
async fn a_client_that_may_not_have_the_scope_stays_out() -> Result<()> {
    let stack = Emulator::ministack().await?;
    let pool = Pool::new(&stack).await?;
    let agent = pool.machine(&[INVOKE]).await?;
    let gateway = pool.gateway(&[&agent]).await?;
    let driver = Driver::new(Peer::PythonSdk, Era::Modern, gateway.mcp_url());
    let told = driver.refused(&pool.arguments(&agent, "--call clock___now {}")).await?;
    ensure!(told.contains("clock/read gateway/invoke (code 403"), "{told}");
    let allowed = [("target", "clock"), ("outcome", "allow")];
    ensure!(gateway.metrics().await?.sum("toolgate_authz_decisions_total", &allowed) == 0.0);
    Ok(())
}
