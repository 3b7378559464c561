//! The models.
//!
//! In: the values of `model/`. Out: [`Models`], or what of the catalogue does not fit. Never: a default
//! that the catalogue does not have; a key of a service in a debug form.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::Reader;

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

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn models(&mut self) -> Models {
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
}

// === impl Models ===

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("catalogue", &self.catalogue).finish_non_exhaustive()
    }
}
