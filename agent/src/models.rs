//! The models that there are.
//!
//! Enters: the catalogue of the settings, and whoever serves models. Leaves: the model of a key, what
//! it costs, cards for faces. Never: another model than the one that was asked for.

mod asked;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use toolgate_agent_model::{
    BadKey, BadScript, BadUrl, Key, Model, OpenAi, Provider, Rules, Script, Usage,
};

use crate::host::ModelCard;
use crate::settings::{self, ModelEntry, Served};
use crate::turn::{Chosen, Models, UnknownModel};
use asked::Asked;

/// The key of the rules.
pub const RULES: &str = "rules";

/// The catalogue, ready to be asked.
#[derive(Debug)]
pub struct Known {
    entries: Vec<Entry>,
    default: usize,
}

#[derive(Debug)]
struct Entry {
    card: ModelCard,
    model: Arc<Asked>,
    max_tokens: Option<u32>,
    prices: Option<Prices>,
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug)]
struct Prices {
    input: f64,
    output: f64,
    cache_read: f64,
}

/// Why a model cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Unserved {
    /// The address of the OpenAI-compatible service.
    #[error("`model/openai_url`: {0}")]
    Url(#[from] BadUrl),
    /// Its key.
    #[error("`model/openai_key`: {0}")]
    Key(#[from] BadKey),
    /// The scripted replies.
    #[error("`model/script_file`: {0}")]
    Script(#[from] BadScript),
    /// There is nobody who serves such models.
    #[error("the model `{0}` is of Bedrock, and this program was built without it")]
    NoBedrock(String),
}

// === impl Known ===

impl Known {
    /// The models of the settings, and the rules. `bedrock` serves those of Bedrock.
    ///
    /// # Errors
    /// One of them cannot be served.
    pub fn new(
        settings: &settings::Models,
        bedrock: Option<&Arc<dyn Model>>,
    ) -> Result<Self, Unserved> {
        let rules: Arc<dyn Model> = Arc::new(Rules::new());
        let openai = settings.openai_url.as_deref().map(|url| {
            let key = settings.openai_key.as_deref().map(Key::new).transpose()?;
            Ok::<Arc<dyn Model>, Unserved>(Arc::new(OpenAi::new(url, key)?))
        });
        let openai = openai.transpose()?;
        let script = settings.script.as_deref().map(Script::read).transpose()?;
        let script = script.map(|script| Arc::new(script) as Arc<dyn Model>);
        let mut entries = Vec::new();
        for entry in &settings.catalogue {
            let served = match entry.provider {
                Served::Rules => Some(&rules),
                Served::Openai => openai.as_ref(),
                Served::Script => script.as_ref(),
                Served::Bedrock => bedrock,
            };
            let model = served.ok_or_else(|| Unserved::NoBedrock(entry.key.clone()))?;
            entries.push(Entry::of(entry, model));
        }
        if !entries.iter().any(|entry| entry.card.key == RULES) {
            entries.push(Entry::rules(&rules));
        }
        let wanted = settings.default.as_deref();
        let default = entries.iter().position(|entry| Some(entry.card.key.as_str()) == wanted);
        let default = default.unwrap_or_default();
        if let Some(entry) = entries.get_mut(default) {
            entry.card.default = true;
        }
        Ok(Self { entries, default })
    }

    /// The same; replies have so many tokens at most, where the catalogue does not say it.
    #[must_use]
    pub fn of_at_most(mut self, tokens: u32) -> Self {
        for entry in &mut self.entries {
            entry.max_tokens = entry.max_tokens.or(Some(tokens));
        }
        self
    }

    /// The models as faces show them.
    #[must_use]
    pub fn cards(&self) -> Vec<ModelCard> {
        self.entries.iter().map(|entry| entry.card.clone()).collect()
    }

    /// Why the default model did not reply when it was last asked, if it did not.
    #[must_use]
    pub fn wrong(&self) -> Option<Arc<String>> {
        self.entries.get(self.default)?.model.wrong()
    }

    /// Key and provider's id of each.
    #[must_use]
    pub fn ids(&self) -> Vec<(String, String)> {
        let cards = self.entries.iter().map(|entry| &entry.card);
        cards.map(|card| (card.key.clone(), card.id.clone())).collect()
    }
}

impl Models for Known {
    fn choose(&self, key: Option<&str>) -> Result<Chosen, UnknownModel> {
        let found = match key {
            None => self.entries.get(self.default),
            Some(key) => self.entries.iter().find(|entry| entry.card.key == key),
        };
        let unknown = || UnknownModel {
            key: key.unwrap_or_default().to_owned(),
            known: self.entries.iter().map(|entry| entry.card.key.clone()).collect(),
        };
        found.map(Entry::chosen).ok_or_else(unknown)
    }

    fn cost(&self, key: &str, usage: &Usage) -> Option<f64> {
        self.entries.iter().find(|entry| entry.card.key == key)?.prices.map(|it| it.of(usage))
    }
}

// === impl Entry ===

impl Entry {
    fn of(entry: &ModelEntry, model: &Arc<dyn Model>) -> Self {
        let prices = entry.input_usd.zip(entry.output_usd);
        let card = ModelCard {
            key: entry.key.clone(),
            name: entry.name.clone().unwrap_or_else(|| entry.key.clone()),
            id: entry.id.clone().unwrap_or_else(|| entry.key.clone()),
            provider: model.provider().as_str(),
            default: false,
        };
        Self {
            card,
            model: Asked::new(model),
            max_tokens: entry.max_tokens,
            prices: prices.map(|(input, output)| Prices {
                input,
                output,
                cache_read: entry.cache_read_usd.unwrap_or(input),
            }),
        }
    }

    fn rules(rules: &Arc<dyn Model>) -> Self {
        let card = ModelCard {
            key: RULES.to_owned(),
            name: "Rules, no language model".to_owned(),
            id: RULES.to_owned(),
            provider: Provider::Rules.as_str(),
            default: false,
        };
        Self { card, model: Asked::new(rules), max_tokens: None, prices: None }
    }

    fn chosen(&self) -> Chosen {
        Chosen {
            key: self.card.key.clone(),
            id: self.card.id.clone(),
            model: Arc::<Asked>::clone(&self.model),
            max_tokens: self.max_tokens,
        }
    }
}

// === impl Prices ===

impl Prices {
    #[expect(clippy::cast_precision_loss, reason = "tokens of one turn are far below 2^53")]
    fn of(self, usage: &Usage) -> f64 {
        let of = |tokens: u64, price: f64| tokens as f64 / 1e6 * price;
        of(usage.input + usage.cache_write, self.input)
            + of(usage.output, self.output)
            + of(usage.cache_read, self.cache_read)
    }
}
