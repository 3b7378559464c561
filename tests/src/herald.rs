//! A target that tells of changes, writes log messages and wants arguments in headers.
//!
//! In: what it is told to say. Out: an MCP server of one era on a loopback port with the tool `echo`
//! and the resources `herald://a` and `herald://b`, one task at most, and a record of all it was sent.
//! It says nothing that the test did not ask for.

mod speak;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::wait::until;

pub use crate::sick::Era;

/// A running target; dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Herald {
    state: Arc<State>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// One request that it was sent.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The body.
    pub body: Value,
    /// HTTP headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// What its connections share.
#[derive(Debug)]
struct State {
    era: Era,
    heard: Mutex<Vec<Heard>>,
    tools: Mutex<Value>,
    /// The header without which a call is refused, and its value.
    wanted: Mutex<Option<(String, String)>>,
    sessions: Mutex<usize>,
    streams: Mutex<Vec<Stream>>,
    /// The task that calls of `job` become (modern era); null: it has none.
    task: Mutex<Value>,
    /// The calls that wait for [`Herald::answers`], if calls wait for that.
    held: Mutex<Option<Vec<Held>>>,
}

/// A call that has not been answered: its id, and its stream.
type Held = (Value, mpsc::UnboundedSender<Bytes>);

/// A stream of changes that is open.
#[derive(Debug)]
struct Stream {
    /// The id of the subscription (modern era).
    id: Value,
    /// What is told on it: the filter of a subscription; all in the older era.
    filter: Value,
    say: mpsc::UnboundedSender<Bytes>,
}

impl Herald {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(era: Era) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            era,
            heard: Mutex::default(),
            tools: Mutex::new(json!([tool("echo", &json!({}))])),
            wanted: Mutex::default(),
            sessions: Mutex::new(0),
            streams: Mutex::default(),
            task: Mutex::default(),
            held: Mutex::default(),
        });
        let server = tokio::spawn(speak::accept(listener, Arc::clone(&state)));
        Ok(Self { state, address, server })
    }

    /// Its endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Lists other tools from now on, without a word.
    pub fn lists(&self, tools: Value) {
        *lock(&self.state.tools) = tools;
    }

    /// Refuses calls that lack this header (modern era).
    pub fn wants(&self, header: &str, value: &str) {
        *lock(&self.state.wanted) = Some((header.to_owned(), value.to_owned()));
    }

    /// Says that its list of tools has changed.
    pub fn changed(&self) {
        self.tell("tools/list_changed", &json!({}), |filter| {
            at(filter, "/toolsListChanged") == Some(&true.into())
        });
    }

    /// Says that a resource has changed.
    pub fn updated(&self, uri: &str) {
        self.tell("resources/updated", &json!({ "uri": uri }), |filter| {
            let uris = at(filter, "/resourceSubscriptions").and_then(Value::as_array);
            uris.is_some_and(|uris| uris.iter().any(|have| have == uri))
        });
    }

    /// Says that a resource has changed to whoever listens, asked for or not.
    pub fn blurts(&self, uri: &str) {
        self.tell("resources/updated", &json!({ "uri": uri }), |_| true);
    }

    /// Has this task from now on, which any call of `job` becomes, and tells whoever follows it.
    pub fn works_on(&self, task: &Value) {
        *lock(&self.state.task) = task.clone();
        self.tell("tasks", task, |filter| {
            let ids = at(filter, "/taskIds").and_then(Value::as_array);
            ids.is_some_and(|ids| ids.iter().any(|id| *id == task["taskId"]))
        });
    }

    /// Waits until a stream is open that tells of these tasks.
    ///
    /// # Errors
    /// When there is none.
    pub async fn until_followed(&self, tasks: &Value) -> Result<()> {
        until(format!("a stream tells of {tasks}"), async || {
            let streams = lock(&self.state.streams);
            let tells = |stream: &Stream| {
                !stream.say.is_closed() && at(&stream.filter, "/taskIds") == Some(tasks)
            };
            Ok(streams.iter().any(tells).then_some(()))
        })
        .await
    }

    /// Writes a log message on the streams of its sessions (older era), beside those of the calls.
    pub fn logs(&self, level: &str, text: &str) {
        self.tell("message", &json!({ "level": level, "data": text }), |_| false);
    }

    /// Calls wait from now on, without a word, until they are answered (older era).
    pub fn holds(&self) {
        *lock(&self.state.held) = Some(Vec::new());
    }

    /// Answers the calls that wait; gives back how many they were.
    pub fn answers(&self) -> usize {
        let held: Vec<_> = lock(&self.state.held).iter_mut().flat_map(std::mem::take).collect();
        for (id, say) in &held {
            let content = json!([{ "type": "text", "text": "done" }]);
            let result = json!({ "content": content });
            let message = json!({ "jsonrpc": "2.0", "id": id, "result": result });
            // Nobody may wait any more.
            let _gone = say.send(speak::event(&message));
        }
        held.len()
    }

    /// Forgets its sessions and ends every stream, as after a restart.
    pub fn forgets(&self) {
        *lock(&self.state.sessions) += 1;
        lock(&self.state.streams).clear();
    }

    /// Everything it was sent with that method.
    #[must_use]
    pub fn heard(&self, method: &str) -> Vec<Heard> {
        let heard = lock(&self.state.heard);
        heard
            .iter()
            .filter(|heard| at(&heard.body, "/method") == Some(&method.into()))
            .cloned()
            .collect()
    }

    /// Waits until it was sent so many requests with that method, and gives the last.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn until_heard(&self, method: &str, times: usize) -> Result<Heard> {
        until(format!("{method} was sent {times} times"), async || {
            Ok(self.heard(method).get(times.saturating_sub(1)).cloned())
        })
        .await
    }

    /// Waits until so many streams are open that tell of a resource (in the older era: of anything).
    ///
    /// # Errors
    /// When they are not.
    pub async fn until_streams(&self, uris: &[&str], count: usize) -> Result<()> {
        until(format!("{count} streams tell of {uris:?}"), async || {
            let streams = lock(&self.state.streams);
            let tells = |stream: &&Stream| {
                let filter = at(&stream.filter, "/resourceSubscriptions");
                let all = filter.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                !stream.say.is_closed()
                    && (self.state.era == Era::Legacy
                        || (all.len() == uris.len() && all.iter().zip(uris).all(|(a, b)| a == b)))
            };
            Ok((streams.iter().filter(tells).count() == count).then_some(()))
        })
        .await
    }

    fn tell(&self, method: &str, params: &Value, wants: impl Fn(&Value) -> bool) {
        let method = format!("notifications/{method}");
        for stream in lock(&self.state.streams).iter() {
            let mut params = params.clone();
            if self.state.era == Era::Modern {
                if !wants(&stream.filter) {
                    continue;
                }
                let meta = json!({ "io.modelcontextprotocol/subscriptionId": stream.id });
                params.as_object_mut().map(|params| params.insert("_meta".to_owned(), meta));
            }
            let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
            // Nobody may listen any more.
            let _gone = stream.say.send(speak::event(&message));
        }
    }
}

impl Heard {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A tool with these properties.
#[must_use]
pub fn tool(name: &str, properties: &Value) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object", "properties": properties } })
}

/// A part of a value.
fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    value.pointer(pointer)
}

/// The guarded value, also after a test thread died holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
