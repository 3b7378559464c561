//! Whoever calls, in either era.
//!
//! In: a gateway and a target's name. Out: calls at a pace, each with an id of its own that the
//! target records, and what became of each in the books. Nobody here calls a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use toolgate_tests::client::{Answer, Ask, Client, Kept, Opened, Session};
use toolgate_tests::gateway::Gateway;

use crate::books::{Books, End};

/// How long a target takes for a call, in milliseconds: longer now and then.
const TAKES: [u64; 4] = [0, 4, 16, 60];
/// Between two calls that are asked something.
const ASKING: Duration = Duration::from_millis(250);

const LIST_CHANGED: &str = "notifications/tools/list_changed";

/// Which protocol a caller speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Era {
    /// 2026-07-28.
    Modern,
    /// 2025-11-25, on one session for all its calls.
    Older,
}

/// Someone who calls until told to stop.
pub(crate) struct Caller {
    task: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

enum Line {
    Modern(Box<Kept>),
    Older(Session),
}

/// Listeners of both eras, from before the first death.
pub(crate) struct Watchers {
    modern: Opened,
    older: Opened,
}

// === impl Caller ===

impl Caller {
    pub(crate) async fn start(
        gateway: &Gateway,
        (target, era): (&str, Era),
        whose: String,
        pause: Duration,
        books: &Arc<Books>,
    ) -> Result<Self> {
        let client = gateway.client();
        let mut line = match era {
            Era::Modern => Line::Modern(Box::new(client.kept())),
            Era::Older => Line::Older(client.session().await?),
        };
        let (tool, books) = (format!("{target}___record"), Arc::clone(books));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut tick = interval(pause);
            // A pace that is missed is caught up with.
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for (number, takes) in TAKES.iter().cycle().enumerate() {
                tick.tick().await;
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let id = format!("{whose}-{number}");
                let answer = line.call(&tool, json!({ "id": id, "ms": takes })).await;
                books.note(id.clone(), End::of(&id, &answer));
            }
        });
        Ok(Self { task, stop })
    }

    /// Lets the call that is under way end.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.context("a caller broke down")
    }
}

// === impl Line ===

impl Line {
    async fn call(&mut self, tool: &str, arguments: Value) -> Result<Answer> {
        match self {
            Self::Modern(kept) => kept.send(Ask::tool(tool, arguments)).await,
            Self::Older(session) => session.tool(tool, arguments).await,
        }
    }
}

// === impl Watchers ===

/// Begins to listen for changed lists.
pub(crate) async fn watch(gateway: &Gateway) -> Result<Watchers> {
    let client = gateway.client();
    let params = json!({ "notifications": { "toolsListChanged": true } });
    let mut modern = client.open(Ask::modern("subscriptions/listen", params)).await?;
    let accepted = modern.next_message().await?;
    ensure!(method(&accepted) == "notifications/subscriptions/acknowledged", "{accepted}");
    let older = client.session().await?.stream().await?;
    Ok(Watchers { modern, older })
}

impl Watchers {
    /// Both are still told of a change.
    pub(crate) async fn hear(&mut self, gateway: &Gateway) -> Result<()> {
        gateway.client().tool("httpolder___change", json!({})).await?.content()?;
        for stream in [&mut self.modern, &mut self.older] {
            let heard = stream.next_message().await?;
            ensure!(method(&heard) == LIST_CHANGED, "{heard}");
        }
        Ok(())
    }

    /// Once the gateway has ended: they were told of nothing else. So what was heard first was the
    /// change, and not something before it that was none.
    pub(crate) async fn heard_no_more(mut self) -> Result<()> {
        for stream in [&mut self.modern, &mut self.older] {
            while let Ok(more) = stream.next_message().await {
                // The end of a subscription is its answer.
                ensure!(more.get("method").is_none(), "told of more than one change: {more}");
            }
        }
        Ok(())
    }
}

/// Calls what asks its callers, answers every other question, and forgets about the others.
pub(crate) async fn ask_forever(client: Client, books: Arc<Books>) {
    let mut tick = interval(ASKING);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        tick.tick().await;
        let asked = client.send(asking(None)).await;
        let retry = asked.as_ref().ok().and_then(retry);
        let Some(retry) = retry else {
            books.note_asked(End::of("", &asked));
            continue;
        };
        if number.is_multiple_of(2) {
            let answered = client.send(asking(Some(retry))).await;
            let heard = Value::from(vec![ada()]).to_string();
            books.note_asked(End::of(&heard, &answered));
        } else {
            books.note_asked(End::Forgotten);
        }
    }
}

/// What is said to every question.
fn ada() -> Value {
    json!({ "action": "accept", "content": { "name": "Ada" } })
}

fn method(message: &Value) -> &str {
    message.get("method").and_then(Value::as_str).unwrap_or_default()
}

fn asking(retry: Option<Map<String, Value>>) -> Ask {
    let can = json!({ "elicitation": { "form": {} } });
    let mut params = json!({
        "name": "asks___ask",
        "arguments": { "kind": "form" },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": can,
        },
    });
    if let (Some(params), Some(retry)) = (params.as_object_mut(), retry) {
        params.extend(retry);
    }
    Ask::modern_raw("1", "tools/call", &params.to_string()).header("mcp-name", "asks___ask")
}

/// The answers to what is asked, as members of the call's repetition.
fn retry(asked: &Answer) -> Option<Map<String, Value>> {
    let result = asked.result().ok()?;
    let requests = result.get("inputRequests")?.as_object()?;
    let responses: Map<String, Value> = requests.keys().map(|key| (key.clone(), ada())).collect();
    let mut retry = Map::new();
    retry.insert("inputResponses".to_owned(), Value::Object(responses));
    retry.insert("requestState".to_owned(), result.get("requestState")?.clone());
    Some(retry)
}
