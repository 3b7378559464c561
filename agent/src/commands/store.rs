//! `toolgate-agent config diff`, `push`, `pull` and `ensure`: settings and what is at AWS.
//!
//! Enters: what the file and flags set, and the store. Leaves: differences by key, parameters that were
//! written, a file, a memory that is there. Never: a value that is secret; anything deleted.

use std::fmt::Write as _;
use std::io::Write;

use super::{say, setup};
use crate::cli::Setup;
use crate::exit::Exit;
use crate::settings::{Given, Key, Problem, Problems, Source};
use crate::store::{
    self, AgentCoreMemory, Change, MemoryOptions, Parameters, Put, Snapshot, Store,
};

/// What is to be in the store, and what is there.
struct Both {
    store: Parameters,
    there: Snapshot,
    wanted: Vec<(&'static Key, String)>,
    /// Where the key comes from that secrets are sealed with, if there is one.
    sealed: Option<Source>,
}

/// `config diff`: 0 if a push would change nothing, 1 if it would.
pub async fn diff(setup: &Setup, given: Given, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let both = match Box::pin(both(setup, given)).await {
        Ok(both) => both,
        Err(problems) => return super::config::wrong(&problems, err),
    };
    let mut text = String::new();
    for (key, value) in &both.wanted {
        let mark = match both.there.change(key.path, value, key.kind.is_secret()) {
            Change::Same => continue,
            Change::New => "+",
            Change::Other => "~",
            Change::Exposed => "!",
        };
        let shown = if key.kind.is_secret() { "••••" } else { value };
        let _written = writeln!(text, "{mark} {:<28} {shown}", key.path);
    }
    for (path, _) in both.there.iter().filter(|(path, _)| !both.sets(path)) {
        let _written = writeln!(text, "- {path:<28} only in the store; a push leaves it there");
    }
    say(out, &text);
    say(out, if text.is_empty() { "the same\n" } else { "" });
    if text.lines().any(|line| !line.starts_with('-')) { Exit::Differs } else { Exit::Ok }
}

/// `config push`.
pub async fn push(setup: &Setup, given: Given, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let both = match Box::pin(both(setup, given)).await {
        Ok(both) => both,
        Err(problems) => return super::config::wrong(&problems, err),
    };
    if let Some(problem) = both.sealed_in_vain() {
        return super::config::wrong(&Problems(vec![problem]), err);
    }
    let mut failed = 0;
    for (key, value) in &both.wanted {
        let secret = key.kind.is_secret();
        match Box::pin(both.store.put_over(&both.there, key.path, value, secret)).await {
            Ok(Put::Unchanged) => {}
            Ok(Put::Created) => say(out, &format!("created {}{}\n", both.store.prefix(), key.path)),
            Ok(Put::Updated(version)) => {
                let prefix = both.store.prefix();
                say(out, &format!("updated {prefix}{} to version {version}\n", key.path));
            }
            Err(error) => {
                failed += 1;
                say(err, &format!("error: `{}`: {error}\n", key.path));
            }
        }
    }
    say(
        out,
        &format!("{} of {} settings are there\n", both.wanted.len() - failed, both.wanted.len()),
    );
    if failed == 0 { Exit::Ok } else { Exit::Config }
}

/// `config pull`: a file of what is in the store. Secrets are named and left out.
pub async fn pull(setup: &Setup, given: Given, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let both = match Box::pin(both(setup, given)).await {
        Ok(both) => both,
        Err(problems) => return super::config::wrong(&problems, err),
    };
    let mut text = format!("# {} as it is now\n", both.store.prefix());
    for (path, parameter) in both.there.iter() {
        let is_secret =
            parameter.is_secret() || Key::find(path).is_some_and(|it| it.kind.is_secret());
        let _written = if is_secret {
            writeln!(text, "# {path}: a secret, left out")
        } else {
            let value = serde_json::Value::from(parameter.value());
            writeln!(text, "{path}: {value}")
        };
    }
    say(out, &text);
    Exit::Ok
}

/// `config ensure`: the memory at AgentCore is there.
pub async fn ensure(setup: &Setup, given: Given, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match Box::pin(ensured(setup, given)).await {
        Ok(told) => {
            say(out, &told);
            Exit::Ok
        }
        Err(problems) => super::config::wrong(&problems, err),
    }
}

async fn ensured(setup: &Setup, mut given: Given) -> Result<String, Problems> {
    let wrong =
        |says: String| Problems(vec![Problem { key: String::new(), from: None, says, help: None }]);
    let one = |problem: Problem| Problems(vec![problem]);
    if setup.ssm {
        let below = given.merge()?;
        let store = Box::pin(Store::open(setup, &below)).await.map_err(one)?;
        given.parameters = Some(Box::pin(store.layer()).await.map_err(one)?);
    }
    let merged = given.merge()?;
    let config = crate::settings::Config::read(&merged, &setup::beside(setup))?;
    let of = |key: &str| merged.get(key).map(|(text, _)| text.to_owned());
    let tags = [("Application", &setup.app), ("Environment", &setup.env)];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.clone()));
    let options = MemoryOptions {
        id: of("agentcore/memory_id").filter(|id| !id.is_empty()),
        name: of("agentcore/memory_name").unwrap_or_default(),
        create: true,
        retention: config.memory.retention,
        tags: tags
            .into_iter()
            .chain([("ManagedBy".to_owned(), "toolgate-agent".to_owned())])
            .collect(),
    };
    let cloud = Box::pin(store::cloud(&merged)).await.map_err(one)?;
    let found = Box::pin(AgentCoreMemory::ensure(&cloud, options)).await;
    let found = found.map_err(|error| wrong(error.to_string()))?;
    let verb = if found.created { "made" } else { "there" };
    let mut told = format!("agentcore/memory_id {} ({verb}: {})\n", found.id, found.detail);
    if setup.ssm {
        let store = Box::pin(store::open(setup, &merged)).await.map_err(one)?;
        let put = Box::pin(store.put("agentcore/memory_id", &found.id, false)).await;
        let put = put.map_err(|error| wrong(error.to_string()))?;
        let verb = if put == Put::Unchanged { "is" } else { "is now" };
        told.push_str(&format!("{verb} {}agentcore/memory_id\n", store.prefix()));
    }
    Ok(told)
}

async fn both(setup: &Setup, given: Given) -> Result<Both, Problems> {
    let merged = given.merge()?;
    let store = Box::pin(store::open(setup, &merged)).await;
    let store = store.map_err(|problem| Problems(vec![problem]))?;
    let there = Box::pin(store.load()).await.map_err(|error| {
        Problems(vec![Problem {
            key: String::new(),
            from: None,
            says: error.to_string(),
            help: None,
        }])
    })?;
    // What only this machine's environment says is not for others.
    let is_ours = |from: &Source| matches!(from, Source::File(..) | Source::Flag);
    let wanted = crate::settings::KEYS.iter().filter_map(|key| {
        let (value, from) = merged.get(key.path)?;
        // Where AWS is cannot be asked of AWS.
        (is_ours(from) && !key.path.starts_with("aws/")).then(|| (key, value.to_owned()))
    });
    let wanted = wanted.collect();
    let sealed = merged.get("aws/kms_key").filter(|(key, _)| !key.is_empty());
    let sealed = sealed.map(|(_, from)| from.clone());
    Ok(Both { store, there, wanted, sealed })
}

// === impl Both ===

impl Both {
    /// Nothing that is pushed is a secret, and yet there is a key to seal secrets with.
    fn sealed_in_vain(&self) -> Option<Problem> {
        let from = self.sealed.as_ref()?;
        let any_secret = self.wanted.iter().any(|(key, _)| key.kind.is_secret());
        (!any_secret).then(|| Problem {
            key: "aws/kms_key".to_owned(),
            from: Some(from.clone()),
            says: "has no effect: no secret is pushed, and nothing else is sealed".to_owned(),
            help: Some("take it out, or push the secret as well".to_owned()),
        })
    }

    fn sets(&self, path: &str) -> bool {
        self.wanted.iter().any(|(key, _)| key.path == path)
    }
}
