//! Policies become rules, or are refused.
//!
//! Enters: texts. Leaves: policies that fit the schema, with names of their own; or all that is wrong,
//! with its place. Never: a policy that was only half understood.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Policy, PolicyId, PolicySet, Schema, ValidationMode, ValidationWarning, Validator,
};
use miette::Diagnostic;

use super::anchored::Sets;
use super::{Cedar, CedarConfig, MOST_POLICIES, effect, listing, schema};

/// The most bytes of policies, all texts together.
const LARGEST: usize = 1 << 20;

/// A text with policies.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// How it is called in messages: a file.
    pub name: String,
    /// The policies.
    pub text: String,
}

/// Something that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The number of the source.
    pub source: usize,
    /// The line, from 1; 0: the text as a whole.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What can be done.
    pub help: Option<String>,
}

/// A load under way.
struct Loading {
    sets: Sets,
    speaking: HashSet<PolicyId>,
    names: HashMap<PolicyId, (toolgate_call::Effect, String)>,
    ids: HashSet<String>,
    /// Everything that may stand behind `has`.
    words: HashSet<String>,
    flaws: Vec<Flaw>,
}

pub(super) fn load(config: &CedarConfig) -> Result<Cedar, Vec<Flaw>> {
    let text = schema::text(&config.claims);
    let schema =
        Schema::from_str(&text).map_err(|error| vec![Flaw::whole(0, error.to_string())])?;
    let validator = Validator::new(schema);
    let mut loading = Loading {
        sets: Sets::default(),
        speaking: HashSet::new(),
        names: HashMap::new(),
        ids: HashSet::new(),
        words: schema::ATTRIBUTES
            .iter()
            .map(|word| (*word).to_owned())
            .chain(config.claims.iter().map(|(name, _)| name.clone()))
            .collect(),
        flaws: Vec::new(),
    };
    let bytes: usize = config.sources.iter().map(|source| source.text.len()).sum();
    if bytes > LARGEST {
        return Err(vec![Flaw::whole(0, format!("{bytes} bytes of policies; 1 MiB is the most"))]);
    }
    for (number, source) in config.sources.iter().enumerate() {
        loading.source(number, source, &validator);
    }
    if loading.names.len() > MOST_POLICIES {
        let message = format!("{} policies; {MOST_POLICIES} is the most", loading.names.len());
        loading.flaws.push(Flaw::whole(0, message));
    }
    if config.allow && loading.flaws.is_empty() {
        loading.allow_the_rest();
    }
    loading.done()
}

// === impl Loading ===

impl Loading {
    fn source(&mut self, number: usize, source: &Source, validator: &Validator) {
        let Source { name, text } = source;
        let set = match PolicySet::from_str(text) {
            Ok(set) => set,
            Err(errors) => {
                let flaws = errors.iter().map(|error| Flaw::of(number, text, error));
                self.flaws.extend(flaws);
                return;
            }
        };
        if set.templates().next().is_some() {
            let message = "a policy has a slot (`?principal` or `?resource`), and nothing fills it";
            self.flaws.push(Flaw::whole(number, message.to_owned()));
            return;
        }
        let checked = validator.validate(&set, ValidationMode::Strict);
        let errors = checked.validation_errors().map(|error| Flaw::of(number, text, error));
        let before = self.flaws.len();
        self.flaws.extend(errors);
        for policy in set.policies() {
            self.words(number, text, policy);
        }
        // What can never apply is a slip. If the word is known that makes it so, that is enough.
        if self.flaws.len() > before {
            return;
        }
        let idle = checked.validation_warnings();
        let idle = idle.filter(|warning| matches!(warning, ValidationWarning::ImpossiblePolicy(_)));
        self.flaws.extend(idle.map(|warning| Flaw::of(number, text, warning)));
        if self.flaws.len() > before {
            return;
        }
        let mut policies: Vec<&Policy> = set.policies().collect();
        policies.sort_by_key(|policy| place(policy.id()));
        for (n, policy) in policies.into_iter().enumerate() {
            let own = policy.annotation("id").filter(|id| !id.is_empty());
            let own = own.map_or_else(|| format!("{name}#{}", n + 1), str::to_owned);
            if let Err(message) = self.policy(policy, own) {
                self.flaws.push(Flaw::whole(number, message));
            }
        }
    }

    /// The validator takes any word behind `has`: it would be false, and nobody would know.
    fn words(&mut self, number: usize, text: &str, policy: &Policy) {
        let Ok(json) = policy.to_json() else { return };
        let mut asked = Vec::new();
        listing::asked_for(&json, &mut asked);
        for word in asked {
            if self.words.contains(&word) {
                continue;
            }
            let at = text.find(&word).unwrap_or_default();
            let (line, column) = position(text, at);
            let message = format!("nothing has an attribute `{word}`");
            let help = Some("claims are named in `policy.claims`".to_owned());
            self.flaws.push(Flaw { source: number, line, column, message, help });
        }
    }

    fn policy(&mut self, policy: &Policy, own: String) -> Result<(), String> {
        if own.len() > 64 && policy.annotation("id").is_some() {
            return Err("an `@id` has more than 64 bytes".to_owned());
        }
        if !self.ids.insert(own.clone()) {
            return Err(format!("two policies have the id `{own}`"));
        }
        let id = PolicyId::new(format!("p{}", self.names.len()));
        let policy = policy.new_id(id.clone());
        let json = policy.to_json().map_err(|error| error.to_string())?;
        let listed = if listing::speaks(&json) {
            self.speaking.insert(id.clone());
            let json = listing::without(json);
            let listed = Policy::from_json(Some(id.clone()), json);
            Some(listed.map_err(|error| error.to_string())?)
        } else {
            None
        };
        self.names.insert(id, (effect(policy.effect()), own));
        self.sets.add(policy, listed)
    }

    /// What nothing forbids is allowed.
    fn allow_the_rest(&mut self) {
        let id = PolicyId::new("default");
        let added = Policy::parse(Some(id), "permit(principal, action, resource);")
            .map_err(|error| error.to_string())
            .and_then(|policy| self.sets.add(policy, None));
        if let Err(message) = added {
            self.flaws.push(Flaw::whole(0, message));
        }
    }

    fn done(self) -> Result<Cedar, Vec<Flaw>> {
        if !self.flaws.is_empty() {
            return Err(self.flaws);
        }
        let Self { sets, speaking, names, .. } = self;
        Ok(Cedar { authorizer: Authorizer::new(), sets, speaking, names })
    }
}

/// The parser calls them `policy0`, `policy1`, ….
fn place(id: &PolicyId) -> usize {
    let text: &str = id.as_ref();
    text.strip_prefix("policy").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX)
}

// === impl Flaw ===

impl Flaw {
    fn whole(source: usize, message: String) -> Self {
        Self { source, line: 0, column: 0, message, help: None }
    }

    fn of(source: usize, text: &str, error: &(impl Diagnostic + ?Sized)) -> Self {
        let at = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
        let (line, column) = at.map_or((0, 0), |at| position(text, at));
        let help = error.help().map(|help| help.to_string());
        // Its own first words are the name that the parser gave to the policy.
        let message = error.to_string();
        let message = message
            .strip_prefix("for policy `")
            .and_then(|rest| rest.split_once("`, "))
            .map_or(&*message, |(_, rest)| rest)
            .to_owned();
        Self { source, line, column, message, help }
    }
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
