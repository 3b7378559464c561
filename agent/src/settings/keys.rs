//! The table of keys.
//!
//! In: nothing. Out: each key once, with its kind, its default and what it is for. Never: a key
//! that [`super::Config`] does not read.

use super::value::Kind;
use Kind::{Address, Decimal, Flag, Integer, Json, KmsKey, One, Secret, Text, Time, Url, Words};

/// A key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Its path, below `/app/{app}/{env}/` in the Parameter Store.
    pub path: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// The value without one.
    pub default: Option<&'static str>,
    /// What it is for: one sentence.
    pub about: &'static str,
    /// Other names that it has had.
    pub also: &'static [&'static str],
    /// Whether a change in the Parameter Store is applied while the agent runs.
    pub live: bool,
}

const fn key(
    path: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    about: &'static str,
) -> Key {
    Key { path, kind, default, about, also: &[], live: false }
}

const fn also(key: Key, also: &'static [&'static str]) -> Key {
    Key { also, ..key }
}

/// A change of it is applied for the next turn.
const fn live(key: Key) -> Key {
    Key { live: true, ..key }
}

/// What the gateway's own tools answer.
const EXAMPLES: &str = r#"["Why are answers slow?", "What failed in the last hour, and whose fault was it?", "Which tools take most of the time?"]"#;

/// Every key, in the order of the reference.
pub const KEYS: &[Key] = &[
    live(key(
        "agent/prompt_file",
        Text,
        None,
        "A file with the instructions; without it, those that are shipped.",
    )),
    live(key(
        "agent/approval",
        One(&["ask", "never", "not_needed"]),
        Some("ask"),
        "Whether a tool that changes something runs: after the user was asked, never, or without a question.",
    )),
    live(key(
        "agent/examples",
        Json,
        Some(EXAMPLES),
        "Questions that the page offers, a list of sentences.",
    )),
    key(
        "server/listen",
        Address,
        Some("127.0.0.1:8080"),
        "Where the HTTP runtime and the page are served.",
    ),
    key("server/admin", Text, Some("127.0.0.1:9465"), "Where metrics are read; `off` for nowhere."),
    key(
        "server/hosts",
        Words,
        Some(""),
        "Host names by which it may be called besides its own address.",
    ),
    key("server/origins", Words, Some(""), "Origins of pages elsewhere that may call it."),
    key(
        "server/access",
        One(&["open", "token"]),
        Some("open"),
        "Who may ask: anybody who reaches loopback, or whoever shows a token that the gateway accepts. Beyond loopback it has to be `token`.",
    ),
    key(
        "server/actor",
        Text,
        Some("local"),
        "Who asks when no token is needed: the name under which memory keeps things.",
    ),
    key(
        "gateway/url",
        Url,
        None,
        "The gateway's MCP endpoint; without it the agent answers without tools.",
    ),
    key(
        "gateway/ca_file",
        Text,
        None,
        "The authority of the gateway's certificate (PEM); without it, those that the machine trusts.",
    ),
    live(key("gateway/token", Secret, None, "A token for the gateway, if it is not fetched.")),
    live(also(
        key(
            "gateway/token_url",
            Url,
            None,
            "The token endpoint of client credentials (RFC 6749 section 4.4).",
        ),
        &["agentcore/cognito_token_url"],
    )),
    live(also(
        key(
            "gateway/issuer",
            Url,
            None,
            "The issuer whose discovery document names the token endpoint.",
        ),
        &["agentcore/cognito_issuer"],
    )),
    live(also(
        key("gateway/client_id", Text, None, "The client to fetch a token as."),
        &["cognito/client_id", "agentcore/machine_client_id"],
    )),
    live(also(
        key("gateway/client_secret", Secret, None, "Its secret."),
        &["cognito/client_secret"],
    )),
    live(also(
        key(
            "gateway/scopes",
            Words,
            Some(""),
            "The scopes to ask for; without any, those that the issuer gives.",
        ),
        &["agentcore/cognito_auth_scope"],
    )),
    live(key(
        "gateway/list_ttl",
        Time,
        Some("5m"),
        "How long the list of tools is good for, unless the gateway says that it has changed; an old one is renewed while it is used.",
    )),
    live(key(
        "model/default",
        Text,
        None,
        "The key of the model that answers unless another is asked for; without it the first of the catalogue.",
    )),
    live(key(
        "model/temperature",
        Decimal(0.0, 1.0),
        Some("0.3"),
        "How freely models word their answers.",
    )),
    live(key(
        "model/max_tokens",
        Integer(1, 200_000),
        Some("4096"),
        "The most tokens of one reply.",
    )),
    live(key(
        "model/catalogue",
        Json,
        Some("[]"),
        "The models that there are: a list of `{key, name, provider, id, max_tokens, input_usd, output_usd, cache_read_usd, caching}`; `provider` is `bedrock`, `openai`, `script` or `rules`, prices are for a million tokens. The rules are always there.",
    )),
    live(key(
        "model/openai_url",
        Url,
        None,
        "The base URL of an OpenAI-compatible service, such as `http://127.0.0.1:11434/v1`.",
    )),
    live(key("model/openai_key", Secret, None, "Its API key.")),
    live(key(
        "model/script_file",
        Text,
        None,
        "A file of scripted replies, for tests and demonstrations.",
    )),
    live(key("limits/steps", Integer(1, 64), Some("8"), "Times that a turn asks the model.")),
    live(key("limits/calls", Integer(0, 256), Some("16"), "Tools that a turn calls.")),
    live(key(
        "limits/parallel",
        Integer(1, 64),
        Some("5"),
        "Tools of a turn that run at the same time.",
    )),
    live(key(
        "limits/tokens",
        Integer(1, 100_000_000),
        Some("200000"),
        "Tokens that a turn may use.",
    )),
    live(key(
        "limits/cost_usd",
        Decimal(0.0, 1e6),
        None,
        "US dollars that a turn may cost by the catalogue's prices.",
    )),
    live(key("limits/time", Time, Some("3m"), "How long a turn may take.")),
    live(key("limits/tool_time", Time, Some("60s"), "How long one tool may take.")),
    live(key("limits/model_time", Time, Some("2m"), "How long one reply of the model may take.")),
    live(key(
        "limits/result_bytes",
        Integer(1_000, 10_000_000),
        Some("50000"),
        "Bytes of a tool's result that the model is shown.",
    )),
    key("limits/turns", Integer(1, 10_000), Some("64"), "Turns that go on at the same time."),
    key(
        "memory/backend",
        One(&["off", "local", "agentcore"]),
        Some("local"),
        "Who remembers: nobody, a file of this machine, or AgentCore Memory.",
    ),
    key(
        "memory/file",
        Text,
        None,
        "The file of local memory; without it one below the data folder of the user, `:memory:` for none.",
    ),
    key("memory/retention", Time, Some("90d"), "How long things are remembered."),
    key(
        "memory/max_events",
        Integer(10, 10_000_000),
        Some("1000"),
        "Events that are kept of one actor; the oldest go first.",
    ),
    live(key(
        "memory/top_k",
        Integer(0, 50),
        Some("5"),
        "Records that are recalled for a question.",
    )),
    live(key(
        "memory/threshold",
        Decimal(0.0, 1.0),
        Some("0.3"),
        "How relevant a record has to be.",
    )),
    live(key(
        "memory/recall_time",
        Time,
        None,
        "How long recalling may take; the answer goes on without it then. Without it, `300ms` where a file remembers, and `1s` with AgentCore Memory: there it is two searches by meaning and a list, each over the network, and such a search alone takes about half a second.",
    )),
    live(key(
        "memory/history_turns",
        Integer(0, 100),
        Some("10"),
        "Turns of the session that the model is shown.",
    )),
    key(
        "agentcore/memory_id",
        Text,
        None,
        "The id of the AgentCore Memory resource; without it, it is found by its name; `config ensure` makes it.",
    ),
    key("agentcore/memory_name", Text, Some("DevOpsAgentMemory"), "Its name."),
    key(
        "aws/region",
        Text,
        None,
        "The AWS region; without it, that of the environment or the profile.",
    ),
    live(key(
        "settings/refresh",
        Time,
        Some("5m"),
        "With `--ssm`: how often the Parameter Store is read again while the agent runs; `0s` for never, otherwise from a second to a day.",
    )),
    key("aws/endpoint", Url, None, "One endpoint for every AWS service, for emulators."),
    key(
        "aws/kms_key",
        KmsKey,
        None,
        "The KMS key that `config push` seals secrets with; without it, the account's own for parameters. A secret that is there already is sealed with it when its value changes.",
    ),
    key("telemetry/otlp_endpoint", Url, None, "Where traces go (OTLP over HTTP)."),
    key(
        "telemetry/sampling",
        Decimal(0.0, 1.0),
        Some("1"),
        "The share of turns whose trace is kept.",
    ),
    key(
        "telemetry/interaction_log",
        Flag,
        Some("true"),
        "Whether each turn leaves a line in the log: times, tokens, cost; never its words.",
    ),
    key(
        "telemetry/cloudwatch",
        Flag,
        Some("false"),
        "Whether `serve` puts the metrics into CloudWatch, once a minute.",
    ),
    key(
        "telemetry/cloudwatch_namespace",
        Kind::Namespace,
        Some("DevOpsAgent"),
        "The namespace there; dashboards and alarms read the default one.",
    ),
    live(key(
        "telemetry/trace_url",
        Text,
        None,
        "Where a trace is looked at, with `{trace}` in place of its id.",
    )),
];

// === impl Key ===

impl Key {
    /// The key of that path, or of a name that it has had.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path || key.also.contains(&path))
    }

    /// The variable of the environment that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLES}{}", self.path.replace('/', "_").to_uppercase())
    }

    /// The key whose path is most like a wrong one.
    pub(super) fn like(path: &str) -> Option<&'static Self> {
        let far = |key: &&Self| distance(key.path, path);
        KEYS.iter().min_by_key(far).filter(|key| far(key) <= 3)
    }
}

/// What the variables of the environment begin with.
pub(super) const VARIABLES: &str = "TOOLGATE_AGENT_";

/// How many letters have to be changed, added or taken away (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (nth, letter) in one.chars().enumerate() {
        let mut before = nth;
        let mut last = nth + 1;
        let others: Vec<char> = other.chars().collect();
        for (place, wanted) in row.iter_mut().skip(1).zip(others) {
            let change = before + usize::from(letter != wanted);
            before = *place;
            last = change.min(last + 1).min(before + 1);
            *place = last;
        }
        if let Some(first) = row.first_mut() {
            *first = nth + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    //! The table itself.

    use super::*;

    #[test]
    fn every_key_is_there_once_and_its_default_is_good() {
        let mut names: Vec<&str> =
            KEYS.iter().flat_map(|key| key.also.iter().copied().chain([key.path])).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(all, names.len());
        for key in KEYS {
            let wrong = key.default.and_then(|text| key.kind.wrong(text));
            assert_eq!(wrong, None, "{}", key.path);
        }
    }

    #[test]
    fn a_slip_is_recognised() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(Key::like("memory/topk").unwrap().path, "memory/top_k");
        assert_eq!(Key::like("weather/tomorrow"), None);
    }
}
