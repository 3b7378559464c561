//! AgentCore Memory against a server of the tests.

mod finding;
mod forgetting;
mod reading;
mod recalling;
mod refused;
mod writing;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use toolgate_agent_memory::{Actor, Memory as _, Session, Turn};

use super::find::Tempo;
use super::{AgentCoreMemory, MemoryOptions};
use crate::tests::stub::{self, Asked, Stub};

const ID: &str = "DevOpsAgentMemory-a1b2c3d4e5";
/// When everything of these tests was said, in seconds.
const AT: u64 = 1_800_000_000;

fn options(id: Option<&str>) -> MemoryOptions {
    MemoryOptions {
        id: id.map(str::to_owned),
        name: "DevOpsAgentMemory".to_owned(),
        create: false,
        // What the tests say does not get old.
        retention: Duration::from_secs(200 * 365 * 86_400),
        tags: BTreeMap::new(),
    }
}

/// No pauses.
const fn hasty() -> Tempo {
    Tempo { poll: Duration::ZERO, polls: 3, again: Duration::from_millis(1) }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn actor(name: &str) -> Actor {
    Actor::new(name).unwrap()
}

fn session(name: &str) -> Session {
    Session::new(name).unwrap()
}

fn turn() -> Turn {
    Turn {
        id: "0193aaaa-0000-7000-8000-000000000001".to_owned(),
        actor: actor("alice@example.com"),
        session: session("session-1"),
        asked: "why is it slow?".to_owned(),
        answered: "The database waits.".to_owned(),
        tools: vec!["k8s___pods".to_owned(), "odd tool, ü".to_owned()],
        took: Duration::from_millis(2_500),
        model: "haiku".to_owned(),
        at: at(AT) + Duration::from_millis(250),
    }
}

/// A memory as the control plane tells of it.
fn memory(id: &str, name: &str, status: &str) -> Value {
    let strategy = |name: &str, kind: &str, path: &str| {
        json!({
            "strategyId": format!("{name}-0123456789"),
            "name": name,
            "type": kind,
            "namespaces": [path],
            "namespaceTemplates": [path],
            "status": "ACTIVE",
        })
    };
    let preferences = "/agent/devops/{actorId}/preferences/";
    let semantic = "/agent/devops/{actorId}/semantic/";
    json!({ "memory": {
        "arn": format!("arn:aws:bedrock-agentcore:us-east-1:123456789012:memory/{id}"),
        "id": id,
        "name": name,
        "eventExpiryDuration": 90,
        "status": status,
        "createdAt": 1.7e9,
        "updatedAt": 1.7e9,
        "strategies": [
            strategy("DevOpsPreferences", "USER_PREFERENCE", preferences),
            strategy("DevOpsAgentSemantic", "SEMANTIC", semantic),
        ],
    }})
}

fn is_control(asked: &Asked) -> bool {
    asked.line.ends_with("/details")
        || ["POST /memories", "POST /memories/", "POST /memories/create"]
            .contains(&asked.line.as_str())
}

/// A service with one memory, which is there; all else is answered by a function.
async fn service(mut answer: impl FnMut(&Asked) -> Vec<u8> + Send + 'static) -> Stub {
    Stub::by(Box::new(move |asked| {
        if is_control(asked) {
            stub::json(200, &memory(ID, "DevOpsAgentMemory", "ACTIVE"))
        } else {
            answer(asked)
        }
    }))
    .await
}

/// A service with one memory that gives those answers, and the last one again and again.
async fn answers(answers: Vec<Vec<u8>>) -> Stub {
    let mut answers = std::collections::VecDeque::from(answers);
    service(
        move |_| if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() },
    )
    .await
}

async fn open(stub: &Stub) -> AgentCoreMemory {
    AgentCoreMemory::with(&stub.cloud().await, options(Some(ID)), hasty())
}

/// What the data plane was asked: the line and the body.
fn asked(stub: &Stub) -> Vec<(String, Value)> {
    let all = stub.asked();
    let data = all.iter().filter(|asked| !is_control(asked));
    data.map(|asked| (asked.line.clone(), asked.json())).collect()
}

/// An event as the service gives it back.
fn event(actor: &str, session: &str, n: u64, payload: &Value, metadata: &Value) -> Value {
    json!({
        "memoryId": ID,
        "actorId": actor,
        "sessionId": session,
        "eventId": format!("{:016}#00ab", (AT + n) * 1_000),
        "eventTimestamp": AT + n,
        "payload": payload,
        "branch": { "name": "main" },
        "metadata": metadata,
    })
}

fn said(role: &str, text: &str) -> Value {
    json!({ "conversational": { "content": { "text": text }, "role": role } })
}

#[tokio::test]
async fn it_is_called_by_its_word() {
    let stub = answers(vec![stub::json(200, &json!({}))]).await;
    assert_eq!(open(&stub).await.backend(), "agentcore");
}
