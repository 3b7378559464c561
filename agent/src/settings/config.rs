//! The typed configuration.
//!
//! In: merged values, and a way to read files that they name. Out: a [`Config`], or everything
//! that does not fit together. Never: a default that the table does not have.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::effect::in_vain;
use super::layers::Merged;
use super::problem::{Problem, Problems};
use super::value;
use crate::turn::{Approval, Limits, Recall, Settings};

/// How the agent is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// How turns go.
    pub turn: Settings,
    /// Where it is served.
    pub server: Server,
    /// The gateway.
    pub gateway: Option<Gateway>,
    /// The models.
    pub models: Models,
    /// The memory.
    pub memory: MemoryPlace,
    /// AWS.
    pub aws: AwsPlace,
    /// What is counted and where it goes.
    pub telemetry: Telemetry,
    /// Questions that the page offers.
    pub examples: Vec<String>,
}

/// Where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The runtime and the page.
    pub listen: SocketAddr,
    /// Metrics.
    pub admin: Option<SocketAddr>,
    /// Host names by which it may be called.
    pub hosts: Vec<String>,
    /// Origins of pages elsewhere.
    pub origins: Vec<String>,
    /// Who may ask.
    pub access: Access,
    /// Turns at the same time.
    pub turns: usize,
}

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches loopback, under that name.
    Open(String),
    /// Whoever shows a token that the gateway accepts.
    Token,
}

/// The gateway.
#[derive(Clone)]
pub struct Gateway {
    /// Its MCP endpoint.
    pub url: String,
    /// The authority of its certificate.
    pub ca: Option<PathBuf>,
    /// A token that is given.
    pub token: Option<String>,
    /// How a token is fetched.
    pub client: Option<Client>,
    /// How long the list of tools is good for.
    pub list_ttl: Duration,
}

/// A client of an issuer.
#[derive(Clone)]
pub struct Client {
    /// Where tokens are fetched.
    pub place: Place,
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// What to ask for.
    pub scopes: Vec<String>,
}

/// Where tokens are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The token endpoint.
    Endpoint(String),
    /// The issuer that names it.
    Issuer(String),
}

/// The models.
#[derive(Clone, Default)]
pub struct Models {
    /// The one that answers.
    pub default: Option<String>,
    /// What there is, beside the rules.
    pub catalogue: Vec<ModelEntry>,
    /// The OpenAI-compatible service.
    pub openai_url: Option<String>,
    /// Its key.
    pub openai_key: Option<String>,
    /// Scripted replies.
    pub script: Option<PathBuf>,
}

/// A model of the catalogue.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// Its key.
    pub key: String,
    /// What people call it; the key without.
    #[serde(default)]
    pub name: Option<String>,
    /// `bedrock`, `openai`, `script` or `rules`.
    pub provider: Served,
    /// The provider's id; the key without.
    #[serde(default)]
    pub id: Option<String>,
    /// The most tokens of one reply.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// US dollars for a million tokens that it reads.
    #[serde(default)]
    pub input_usd: Option<f64>,
    /// US dollars for a million tokens that it writes.
    #[serde(default)]
    pub output_usd: Option<f64>,
    /// Of Bedrock: instructions and tools are marked for the cache of prompts.
    #[serde(default)]
    pub caching: bool,
    /// US dollars for a million tokens that it reads from its cache.
    #[serde(default)]
    pub cache_read_usd: Option<f64>,
}

/// Who serves a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Served {
    /// Amazon Bedrock.
    Bedrock,
    /// An OpenAI-compatible service.
    Openai,
    /// Scripted replies.
    Script,
    /// The rules.
    Rules,
}

/// The memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlace {
    /// Who remembers.
    pub backend: Backend,
    /// How long.
    pub retention: Duration,
    /// How many events of one actor.
    pub max_events: u64,
}

/// Who remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Nobody.
    Off,
    /// A file; `None` is one below the user's data folder.
    Local(Option<PathBuf>),
    /// AgentCore Memory: the resource's id, or its name.
    AgentCore {
        /// Its id, if it is known.
        id: Option<String>,
        /// Its name.
        name: String,
    },
}

/// AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsPlace {
    /// The region.
    pub region: Option<String>,
    /// One endpoint for every service.
    pub endpoint: Option<String>,
}

/// What is counted and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Where traces go.
    pub otlp: Option<String>,
    /// The share of turns whose trace is kept.
    pub sampling: f64,
    /// Whether each turn leaves a line.
    pub interactions: bool,
    /// Where a trace is looked at.
    pub trace_url: Option<String>,
}

/// Reads values whose kinds were checked.
struct Reader<'a> {
    merged: &'a Merged,
    problems: Vec<Problem>,
}

// === impl Config ===

impl Config {
    /// The configuration that the values make.
    ///
    /// # Errors
    /// Everything that does not fit together, and files that cannot be read.
    pub fn read(
        merged: &Merged,
        file: &dyn Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, Problems> {
        let mut reader = Reader { merged, problems: in_vain(merged) };
        let config = Self {
            turn: reader.turn(file),
            server: reader.server(),
            gateway: reader.gateway(),
            models: reader.models(),
            memory: reader.memory(),
            aws: AwsPlace {
                region: reader.owned("aws/region"),
                endpoint: reader.owned("aws/endpoint"),
            },
            telemetry: reader.telemetry(),
            examples: reader.json("agent/examples"),
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(Problems(reader.problems)) }
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn turn(&mut self, file: &dyn Fn(&str) -> std::io::Result<String>) -> Settings {
        let default = Settings::default();
        let prompt = self.owned("agent/prompt_file");
        let prompt = match prompt.map(|name| (file(&name), name)) {
            None => default.prompt,
            Some((Ok(text), _)) => text.into(),
            Some((Err(error), name)) => {
                self.wrong("agent/prompt_file", &format!("{name} cannot be read: {error}"));
                default.prompt
            }
        };
        let limits = Limits {
            steps: self.number("limits/steps"),
            calls: self.number("limits/calls"),
            parallel: self.number("limits/parallel"),
            tokens: self.number("limits/tokens"),
            cost_usd: self.text("limits/cost_usd").and_then(|text| text.parse().ok()),
            time: self.time("limits/time"),
            tool_time: self.time("limits/tool_time"),
            model_time: self.time("limits/model_time"),
            recall_time: self.time("memory/recall_time"),
            result_bytes: self.number("limits/result_bytes"),
            reply_tokens: self.number("model/max_tokens"),
            question_bytes: default.limits.question_bytes,
        };
        Settings {
            prompt,
            temperature: self.number("model/temperature"),
            limits,
            recall: Recall {
                most: self.number("memory/top_k"),
                threshold: self.number("memory/threshold"),
            },
            history_turns: self.number("memory/history_turns"),
            approval: match self.text("agent/approval") {
                Some("never") => Approval::Never,
                Some("not_needed") => Approval::NotNeeded,
                _ => Approval::Ask,
            },
        }
    }

    fn server(&mut self) -> Server {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 8080));
        let listen: SocketAddr =
            self.text("server/listen").and_then(|text| text.parse().ok()).unwrap_or(loopback);
        let access = match self.text("server/access") {
            Some("token") => Access::Token,
            _ => Access::Open(self.owned("server/actor").unwrap_or_default()),
        };
        if matches!(access, Access::Open(_)) && !listen.ip().is_loopback() {
            self.wrong(
                "server/access",
                "it has to be `token` for an agent that listens beyond loopback",
            );
        }
        if access == Access::Token && self.text("gateway/url").is_none() {
            self.wrong(
                "gateway/url",
                "tokens are checked by the gateway, so `server/access: token` needs one",
            );
        }
        let admin = self.text("server/admin").filter(|text| *text != "off");
        let parsed = admin.map(str::parse::<SocketAddr>);
        if matches!(parsed, Some(Err(_))) {
            self.wrong("server/admin", "wanted is: address and port, or `off`");
        }
        Server {
            listen,
            admin: parsed.and_then(Result::ok),
            hosts: self.words("server/hosts"),
            origins: self.words("server/origins"),
            access,
            turns: self.number("limits/turns"),
        }
    }

    fn gateway(&mut self) -> Option<Gateway> {
        let client = self.client();
        let token = self.owned("gateway/token");
        let Some(url) = self.owned("gateway/url") else {
            if token.is_some() || client.is_some() {
                self.wrong(
                    "gateway/url",
                    "there is a way to a token, but no gateway to show it to",
                );
            }
            return None;
        };
        if token.is_some() && client.is_some() {
            self.wrong(
                "gateway/token",
                "there is a client to fetch a token as, too: name one of them",
            );
        }
        let ca = self.owned("gateway/ca_file").map(PathBuf::from);
        Some(Gateway { url, ca, token, client, list_ttl: self.time("gateway/list_ttl") })
    }

    /// The client, if anything is said about one. Everything that is missing is told at once.
    fn client(&mut self) -> Option<Client> {
        let (id, secret) = (self.owned("gateway/client_id"), self.owned("gateway/client_secret"));
        let place = match (self.owned("gateway/token_url"), self.owned("gateway/issuer")) {
            (Some(url), _) => Some(Place::Endpoint(url)),
            (None, issuer) => issuer.map(Place::Issuer),
        };
        if id.is_none() && secret.is_none() && place.is_none() {
            return None;
        }
        let missing = [
            ("gateway/client_id", id.is_none()),
            ("gateway/client_secret", secret.is_none()),
            ("gateway/token_url", place.is_none()),
        ];
        for (key, _) in missing.iter().filter(|(_, is_missing)| *is_missing) {
            let or = if *key == "gateway/token_url" { " (or `gateway/issuer`)" } else { "" };
            let says = format!("it is missing{or}: client credentials need it");
            self.problems.push(Problem::missing(key, says));
        }
        let scopes = self.words("gateway/scopes");
        Some(Client { place: place?, id: id?, secret: secret?, scopes })
    }

    fn models(&mut self) -> Models {
        let models = Models {
            default: self.owned("model/default"),
            catalogue: self.json("model/catalogue"),
            openai_url: self.owned("model/openai_url"),
            openai_key: self.owned("model/openai_key"),
            script: self.owned("model/script_file").map(PathBuf::from),
        };
        let is_served = |by| models.catalogue.iter().any(|entry| entry.provider == by);
        if is_served(Served::Openai) && models.openai_url.is_none() {
            self.wrong(
                "model/openai_url",
                "it is missing: the catalogue has a model of such a service",
            );
        }
        if is_served(Served::Script) && models.script.is_none() {
            self.wrong("model/script_file", "it is missing: the catalogue has a scripted model");
        }
        let mut keys: Vec<&str> = models.catalogue.iter().map(|entry| entry.key.as_str()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair.first() == pair.get(1)) {
            self.wrong("model/catalogue", "two models have the same key");
        }
        let known = |key: &String| keys.contains(&key.as_str()) || key == "rules";
        if let Some(unknown) = models.default.as_ref().filter(|key| !known(key)) {
            let says = format!("the catalogue has no model `{unknown}`");
            self.wrong("model/default", &says);
        }
        models
    }

    fn memory(&self) -> MemoryPlace {
        let backend = match self.text("memory/backend") {
            Some("off") => Backend::Off,
            Some("agentcore") => Backend::AgentCore {
                id: self.owned("agentcore/memory_id"),
                name: self.owned("agentcore/memory_name").unwrap_or_default(),
            },
            _ => Backend::Local(self.owned("memory/file").map(PathBuf::from)),
        };
        MemoryPlace {
            backend,
            retention: self.time("memory/retention"),
            max_events: self.number("memory/max_events"),
        }
    }

    fn telemetry(&self) -> Telemetry {
        Telemetry {
            otlp: self.owned("telemetry/otlp_endpoint"),
            sampling: self.number("telemetry/sampling"),
            interactions: self.text("telemetry/interaction_log") == Some("true"),
            trace_url: self.owned("telemetry/trace_url"),
        }
    }

    fn wrong(&mut self, key: &str, says: &str) {
        let from = self.merged.get(key).map(|(_, source)| source.clone());
        let problem = Problem { key: key.to_owned(), from, says: says.to_owned(), help: None };
        self.problems.push(problem);
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.merged.text(key)
    }

    fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// A number; its kind was checked, and every key of a number has a default.
    fn number<T: std::str::FromStr + Default>(&self, key: &str) -> T {
        self.text(key).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    fn time(&self, key: &str) -> Duration {
        self.text(key).and_then(value::time).unwrap_or_default()
    }

    fn words(&self, key: &str) -> Vec<String> {
        self.text(key).map(value::words).unwrap_or_default()
    }

    fn json<T: for<'de> Deserialize<'de> + Default>(&mut self, key: &str) -> T {
        let text = self.owned(key).unwrap_or_else(|| "null".to_owned());
        serde_json::from_str(&text).unwrap_or_else(|error| {
            self.wrong(key, &error.to_string());
            T::default()
        })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("url", &self.url).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("catalogue", &self.catalogue).finish_non_exhaustive()
    }
}
