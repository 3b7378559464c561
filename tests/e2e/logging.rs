//! Log messages that an older target writes beside the streams of its calls: they reach the caller
//! whose they must be, and nobody else.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client, Opened, message};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::herald::{Era, Herald};
use toolgate_tests::issuer::{CLIENT_ID, Issuer, OTHER_CLIENT};

const SCOPE: &str = "gateway/invoke";

/// A gateway before an older herald whose calls wait, and two callers.
struct Scene {
    herald: Herald,
    _issuer: Issuer,
    one: Client,
    other: Client,
    _gateway: Gateway,
}

impl Scene {
    async fn start() -> Result<Self> {
        let (issuer, herald) = tokio::try_join!(Issuer::start(), Herald::start(Era::Legacy))?;
        let config = format!(
            "auth:
  issuers:
    - {{ name: pool, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}, {OTHER_CLIENT}] }}
  scopes: [{SCOPE}]
defaults: {{ list_ttl: 1h }}
targets:
  herald: {{ mcp: {{ url: \"{}\" }} }}
",
            issuer.url(),
            herald.url()
        );
        let gateway = Gateway::start(&config).await?;
        let one = gateway.client().with_token(issuer.token(&[SCOPE]));
        let other = gateway.client().with_token(issuer.others_token(&[SCOPE]));
        one.until_listed(&["herald___echo"]).await?;
        herald.holds();
        herald.until_streams(&[], 1).await?;
        Ok(Self { herald, _issuer: issuer, one, other, _gateway: gateway })
    }

    /// Has the herald log something, and waits until the gateway has heard of it: what it says next on
    /// that stream leads to a question.
    async fn logged(&self, text: &str) -> Result<()> {
        let lists = self.herald.heard("tools/list").len();
        self.herald.logs("error", text);
        self.herald.changed();
        self.herald.until_heard("tools/list", lists + 1).await.map(drop)
    }

    /// Begins a call, and waits until the herald has it.
    async fn begun<F>(&self, call: F, number: usize) -> Result<Call>
    where
        F: Future<Output = Result<Opened>> + Send + 'static,
    {
        let call = Call(tokio::spawn(Box::pin(call)));
        self.herald.until_heard("tools/call", number).await?;
        Ok(call)
    }
}

/// A call under way.
struct Call(tokio::task::JoinHandle<Result<Opened>>);

impl Call {
    /// The messages that it is told, just these, and then its answer.
    async fn hears(self, scene: &Scene, logged: &[&str]) -> Result<()> {
        let mut stream = self.0.await??;
        for text in logged {
            let message = stream.next_message().await?;
            ensure!(message["params"]["data"] == *text, "{text}: {message}");
        }
        // Of what waits until it is answered, a message is the first word.
        ensure!(logged.is_empty() || scene.herald.answers() == 1);
        let rest = stream.finish().await?.messages()?;
        let [last] = rest.as_slice() else { bail!("more than was expected: {rest:?}") };
        ensure!(last["result"]["content"][0]["text"] == "done", "{last}");
        Ok(())
    }
}

fn modern(client: &Client) -> impl Future<Output = Result<Opened>> + Send + 'static {
    let client = client.clone();
    async move { client.open(Ask::verbose_tool("herald___echo")).await }
}

async fn older(
    client: &Client,
    can: &Value,
) -> Result<impl Future<Output = Result<Opened>> + Send + 'static> {
    let session = client.able_session(can).await?;
    let params = json!({ "name": "herald___echo", "arguments": {} }).to_string();
    Ok(async move { session.open(message("7", "tools/call", &params)).await })
}

#[tokio::test]
async fn the_only_caller_hears_what_the_target_logs_beside_its_call() -> Result<()> {
    let scene = Scene::start().await?;
    let call = scene.begun(modern(&scene.one), 1).await?;
    scene.herald.logs("debug", "one");
    scene.herald.logs("error", "two");
    call.hears(&scene, &["one", "two"]).await?;
    let silent = older(&scene.one, &json!({})).await?;
    let call = scene.begun(silent, 2).await?;
    // It has not asked for more than what is not for debugging.
    scene.herald.logs("debug", "three");
    scene.herald.logs("error", "four");
    call.hears(&scene, &["four"]).await?;
    // One who can be asked something has a session, and a stream, of its own.
    let able = older(&scene.one, &json!({ "sampling": {} })).await?;
    let call = scene.begun(able, 3).await?;
    scene.herald.until_streams(&[], 2).await?;
    scene.herald.logs("error", "five");
    call.hears(&scene, &["five"]).await
}

#[tokio::test]
async fn nobody_hears_what_may_be_about_another_call() -> Result<()> {
    let scene = Scene::start().await?;
    scene.logged("about no call").await?;
    let one = scene.begun(modern(&scene.one), 1).await?;
    let other = scene.begun(modern(&scene.other), 2).await?;
    scene.logged("about either").await?;
    ensure!(scene.herald.answers() == 2);
    one.hears(&scene, &[]).await?;
    other.hears(&scene, &[]).await?;
    // A message may be late: this one may be about the call of the other that has just ended.
    let one = scene.begun(modern(&scene.one), 3).await?;
    scene.logged("late").await?;
    ensure!(scene.herald.answers() == 1);
    one.hears(&scene, &[]).await
}
