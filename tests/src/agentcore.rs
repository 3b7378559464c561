//! A stub of AgentCore Memory: one memory that concludes when a test says so, as the service does about
//! a minute later; emulators never do.
//!
//! In: what the SDK asks of both planes, checked against the limits of the service. Out: events as they
//! were put there, records of them once they are concluded. It concludes nothing but what was said.

mod limits;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::{Value, json};

use crate::service::{Asked, Says, Service};

/// The id of the memory.
pub const MEMORY: &str = "DevOpsAgentMemory-a1b2c3d4e5";
/// The records of facts about an actor.
const SEMANTIC: &str = "/agent/devops/{actorId}/semantic/";
const PREFERENCES: &str = "/agent/devops/{actorId}/preferences/";

/// A running stub; dropping it closes its port.
#[derive(Debug)]
pub struct AgentCore {
    service: Service,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Value>,
    /// Tokens of events that are there.
    tokens: BTreeSet<String>,
    /// Events that were looked at for conclusions.
    concluded: usize,
    records: Vec<Value>,
    throttles: bool,
}

// === impl AgentCore ===

impl AgentCore {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let own = Arc::clone(&state);
        let service = Service::start(move |asked| match limits::broken(asked) {
            Some(why) => Says::error(400, "ValidationException", &why),
            None => lock(&own).answer(asked),
        });
        Ok(Self { service: service.await?, state })
    }

    /// The endpoint of both planes.
    #[must_use]
    pub fn url(&self) -> String {
        self.service.url()
    }

    /// Concludes from every event that was not looked at: what a user has said is a fact.
    pub fn concludes(&self) {
        lock(&self.state).conclude();
    }

    /// Whether everything about memories' contents is throttled.
    pub fn throttles(&self, does: bool) {
        lock(&self.state).throttles = does;
    }

    /// The events, in the order in which they came.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        lock(&self.state).events.clone()
    }

    /// What was wrong with the requests so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.service.asked().iter().filter_map(limits::broken).collect()
    }
}

// === impl State ===

impl State {
    fn answer(&mut self, asked: &Asked) -> Says {
        let path = asked.path.split('?').next().unwrap_or_default();
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["memories", MEMORY, "details"]) => Says::json(200, &memory()),
            (_, ["memories", MEMORY, ..]) if self.throttles => {
                Says::error(429, "ThrottledException", "canary-words: slow down")
            }
            ("POST", ["memories", MEMORY, "events"]) => self.create(&asked.body),
            ("POST", ["memories", MEMORY, "actor", actor, "sessions", session]) => {
                let is_it =
                    |event: &&Value| event["actorId"] == **actor && event["sessionId"] == **session;
                let newest: Vec<_> = self.events.iter().rev().filter(is_it).collect();
                Says::json(200, &json!({ "events": newest }))
            }
            ("POST", ["memories", MEMORY, "retrieve"]) => self.retrieve(&asked.body),
            ("POST", ["memories", MEMORY, "memoryRecords"]) => {
                let found = self.of(asked.body.get("namespace"));
                Says::json(200, &json!({ "memoryRecordSummaries": found }))
            }
            _ => Says::error(404, "ResourceNotFoundException", path),
        }
    }

    fn create(&mut self, body: &Value) -> Says {
        let token = body["clientToken"].as_str().unwrap_or_default();
        if !token.is_empty() && !self.tokens.insert(token.to_owned()) {
            let old = self.events.iter().find(|event| event["clientToken"] == token);
            return Says::json(201, &json!({ "event": old }));
        }
        let id = format!("{:016}#00ab", self.events.len());
        let event = with(body, "memoryId", MEMORY.into());
        let event = with(&event, "eventId", id.into());
        let event = with(&event, "branch", json!({ "name": "main" }));
        self.events.push(event.clone());
        Says::json(201, &json!({ "event": event }))
    }

    fn conclude(&mut self) {
        for event in self.events.iter().skip(self.concluded) {
            let actor = event["actorId"].as_str().unwrap_or_default();
            let said = event["payload"].as_array().into_iter().flatten();
            let said = said.map(|part| &part["conversational"]);
            for part in said.filter(|part| part["role"] == "USER") {
                self.records.push(json!({
                    "memoryRecordId": format!("mem-{:036}", self.records.len()),
                    "content": { "text": part.pointer("/content/text") },
                    "memoryStrategyId": "DevOpsAgentSemantic-0123456789",
                    "namespaces": [SEMANTIC.replace("{actorId}", actor)],
                    "createdAt": event["eventTimestamp"],
                }));
            }
        }
        self.concluded = self.events.len();
    }

    fn retrieve(&self, body: &Value) -> Says {
        let query = body.pointer("/searchCriteria/searchQuery").and_then(Value::as_str);
        let query = words(query.unwrap_or_default());
        let scored = self.of(body.get("namespace")).into_iter().map(|record| {
            let text = record.pointer("/content/text").and_then(Value::as_str);
            let text = words(text.unwrap_or_default());
            let common = u32::try_from(query.intersection(&text).count()).unwrap_or_default();
            let all = u32::try_from(query.len().max(1)).unwrap_or(u32::MAX);
            with(&record, "score", json!(f64::from(common) / f64::from(all)))
        });
        let found: Vec<_> = scored.collect();
        Says::json(200, &json!({ "memoryRecordSummaries": found }))
    }

    /// The records of a namespace, which is exact.
    fn of(&self, namespace: Option<&Value>) -> Vec<Value> {
        let is_it = |record: &&Value| record.pointer("/namespaces/0") == namespace;
        self.records.iter().filter(is_it).cloned().collect()
    }
}

/// The memory as the control plane tells of it.
fn memory() -> Value {
    let strategy = |name: &str, kind: &str, path: &str| {
        json!({
            "strategyId": format!("{name}-0123456789"), "name": name, "type": kind,
            "namespaces": [path], "namespaceTemplates": [path], "status": "ACTIVE",
        })
    };
    json!({ "memory": {
        "arn": format!("arn:aws:bedrock-agentcore:us-east-1:123456789012:memory/{MEMORY}"),
        "id": MEMORY, "name": "DevOpsAgentMemory", "eventExpiryDuration": 90, "status": "ACTIVE",
        "createdAt": 1.7e9, "updatedAt": 1.7e9,
        "strategies": [
            strategy("DevOpsPreferences", "USER_PREFERENCE", PREFERENCES),
            strategy("DevOpsAgentSemantic", "SEMANTIC", SEMANTIC),
        ],
    }})
}

/// The same document with one more member.
fn with(document: &Value, name: &str, value: Value) -> Value {
    let mut members = document.as_object().cloned().unwrap_or_default();
    members.insert(name.to_owned(), value);
    Value::Object(members)
}

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The guarded value, also after a test thread died holding it.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
