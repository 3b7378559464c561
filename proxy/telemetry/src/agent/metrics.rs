//! The numbers of the agent.
//!
//! Enters: facts of steps and turns. Leaves: counters, gauges and histograms. Never: a label that the
//! user, a model or a tool can choose: models are those configured, tools those that the gateway
//! listed or that have answered, and everything else shares `_OTHER`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use metrics::Gauge;
use toolgate_telemetry_catalog::{
    Budget, Key, MemoryEnd, MemoryOperation, Missing, ModelEnd, ModelRetry, SettingsRefresh,
    StepEnd, TokenFetch, TokenKind, TurnEnd, TurnPart, Word, agent as family, of_word,
};

use super::facts::{ReplyFacts, StepFacts, StepKind, TokenFacts, TurnFacts};
use crate::auth::count;
use crate::cells::{Exemplar, Histogram};
use crate::handles::{Counters, Histograms, Pairs, Slots, Table};
use crate::registry::Registry;

/// How many tools have rows of their own, and how many models.
const TOOLS: usize = 256;
const MODELS: usize = 256;

/// What the agent counts.
#[derive(Debug)]
pub(super) struct AgentMetrics {
    registry: Arc<Registry>,
    models: Models,
    tools: Table<Tool>,
    /// Every value of the label that says how a tool ended.
    tool_ends: Vec<&'static str>,
    invoke: Slots<Histogram>,
    phases: Histograms<TurnPart>,
    first_word: Histogram,
    inferences: Histogram,
    turn_tools: Histogram,
    memory: Histograms<MemoryOperation>,
    memory_ends: Pairs<MemoryOperation, MemoryEnd>,
    records: Histogram,
    lost: crate::cells::Counter,
    budget: Counters<Budget>,
    degraded: Counters<Missing>,
    renewals: Counters<TokenFetch>,
    refreshes: Counters<SettingsRefresh>,
    listed: Gauge,
    active: Gauge,
}

/// The configured models by key, and the keys by the provider's ids.
#[derive(Debug)]
struct Models {
    rows: Table<Model>,
    keys: RwLock<HashMap<Box<str>, Box<str>>>,
}

#[derive(Debug)]
struct Model {
    name: Box<str>,
    turns: Counters<TurnEnd>,
    tokens: Counters<TokenKind>,
    duration: Slots<Histogram>,
    usage: Slots<Histogram>,
    retries: Counters<ModelRetry>,
    first: OnceLock<Histogram>,
    cost: OnceLock<Histogram>,
}

#[derive(Debug)]
struct Tool {
    name: Box<str>,
    calls: Counters<StepEnd>,
    duration: Slots<Histogram>,
}

/// A turn in flight. Dropping it takes it off the gauge.
#[derive(Debug)]
#[must_use = "the turn counts as active only while this lives"]
pub struct ActiveTurn(Gauge);

// === impl AgentMetrics ===

impl AgentMetrics {
    /// `models` are the keys and ids of the configured models.
    pub(super) fn new(
        registry: &Arc<Registry>,
        version: &str,
        models: &[(String, String)],
    ) -> Self {
        registry.gauge(&family::BUILD_INFO, &[version]).set(1.0);
        let ends = family::TOOL_DURATION.label(Key::ErrorType);
        Self {
            registry: Arc::clone(registry),
            models: Models::new(registry, models),
            tools: Table::new(TOOLS),
            tool_ends: ends.and_then(|label| label.values.listed()).unwrap_or_default(),
            invoke: Slots::new(TurnEnd::ALL.len()),
            phases: Histograms::new(registry, &family::PHASE_DURATION, &[]),
            first_word: registry.histogram(&family::FIRST_WORD, &[]),
            inferences: registry.histogram(&family::INFERENCE_CALLS, &[]),
            turn_tools: registry.histogram(&family::TURN_TOOL_CALLS, &[]),
            memory: Histograms::new(registry, &family::MEMORY_DURATION, &[]),
            memory_ends: Pairs::new(registry, &family::MEMORY_OPERATIONS, &[]),
            records: registry.histogram(&family::MEMORY_RECORDS, &[]),
            lost: registry.counter(&family::MEMORY_LOST, &[]),
            budget: Counters::new(registry, &family::BUDGET_EXCEEDED, &[]),
            degraded: Counters::new(registry, &family::DEGRADED, &[]),
            renewals: Counters::new(registry, &family::TOKEN_RENEWALS, &[]),
            refreshes: Counters::new(registry, &family::SETTINGS_REFRESHES, &[]),
            listed: registry.gauge(&family::TOOLS, &[]),
            active: registry.gauge(&family::TURNS_ACTIVE, &[]),
        }
    }

    pub(super) fn turn_started(&self) -> ActiveTurn {
        self.active.increment(1.0);
        ActiveTurn(self.active.clone())
    }

    /// These models are configured, too.
    pub(super) fn configured(&self, models: &[(String, String)]) {
        self.models.configured(&self.registry, models);
    }

    /// The tools that the model may choose from.
    pub(super) fn listed<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let mut many = 0;
        for name in names {
            drop(self.tools.get(name, |name| self.tool(name)));
            many += 1;
        }
        self.listed.set(count(many));
    }

    /// A part of a turn has ended.
    pub(super) fn step(&self, step: &StepFacts<'_>) {
        match step.kind {
            StepKind::Memory => self.remembered(MemoryOperation::Search, step.took, ending(step)),
            StepKind::Model => self.replied(step),
            StepKind::Tool => self.called(step),
        }
    }

    pub(super) fn remembered(&self, asked: MemoryOperation, took: Duration, end: MemoryEnd) {
        self.memory.record(asked, took.as_secs_f64());
        self.memory_ends.add(asked, end);
    }

    /// A turn has ended; the exemplar is there when its spans are kept.
    pub(super) fn ended(&self, turn: &TurnFacts<'_>, exemplar: Option<Exemplar>) {
        let make = || self.registry.histogram(&family::INVOKE_DURATION, &[turn.end.error()]);
        if let Some(durations) = self.invoke.get(turn.end.index(), make) {
            durations.record_with(turn.times.total / 1000.0, exemplar);
        }
        for part in TurnPart::ALL {
            self.phases.record(*part, turn.times.of(*part) / 1000.0);
        }
        if let Some(first) = turn.first_word {
            self.first_word.record(first.as_secs_f64());
        }
        let many = |kind| turn.steps.iter().filter(|step| step.kind == kind).count();
        self.inferences.record(count(many(StepKind::Model)));
        self.turn_tools.record(count(many(StepKind::Tool)));
        if many(StepKind::Memory) > 0 {
            self.records.record(count(turn.recalled));
        }
        if let Some(budget) = turn.budget {
            self.budget.add(budget);
        }
        turn.degraded.iter().for_each(|what| self.degraded(what));
        let model = self.models.row(&self.registry, turn.model);
        model.turns.add(turn.end);
        if let Some(cost) = turn.cost_usd.filter(|cost| cost.is_finite() && *cost >= 0.0) {
            let make = || self.registry.histogram(&family::COST, &[&model.name]);
            model.cost.get_or_init(make).record(cost);
        }
    }

    pub(super) fn degraded(&self, what: &str) {
        self.degraded.add(of_word(what).unwrap_or(Missing::Other));
    }

    pub(super) fn lost(&self) {
        self.lost.increment(1);
    }

    pub(super) fn renewed(&self, came_to: TokenFetch) {
        self.renewals.add(came_to);
    }

    pub(super) fn refreshed(&self, came_to: SettingsRefresh) {
        self.refreshes.add(came_to);
    }

    fn replied(&self, step: &StepFacts<'_>) {
        let model = self.models.row(&self.registry, step.name);
        let end = if step.end == StepEnd::Ok {
            ModelEnd::Ok
        } else {
            let known = step.reason.and_then(of_word);
            known.filter(|end| *end != ModelEnd::Ok).unwrap_or(ModelEnd::Other)
        };
        let labels = [&*model.name, end.word()];
        let make = || self.registry.histogram(&family::MODEL_DURATION, &labels);
        if let Some(durations) = model.duration.get(end.index(), make) {
            durations.record(step.took.as_secs_f64());
        }
        let Some(ReplyFacts { tokens, first, retries, .. }) = step.reply else { return };
        for why in ModelRetry::ALL {
            model.retries.add_many(*why, u64::from(retries.of(*why)));
        }
        if let Some(first) = first {
            let make = || self.registry.histogram(&family::FIRST_CHUNK, &[&model.name]);
            model.first.get_or_init(make).record(first.as_secs_f64());
        }
        for kind in TokenKind::ALL {
            let many = tokens.of(*kind);
            if many == 0 {
                continue;
            }
            model.tokens.add_many(*kind, many);
            let labels = [&*model.name, kind.word()];
            let make = || self.registry.histogram(&family::TOKEN_USAGE, &labels);
            if let Some(usage) = model.usage.get(kind.index(), make) {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52 tokens")]
                usage.record(many as f64);
            }
        }
    }

    /// A name that no list has is the model's own invention, unless the tool has answered.
    fn called(&self, step: &StepFacts<'_>) {
        let tool = if matches!(step.end, StepEnd::Ok | StepEnd::ToolError) {
            self.tools.get(step.name, |name| self.tool(name))
        } else {
            self.tools.find(step.name, |name| self.tool(name))
        };
        tool.calls.add(step.end);
        let word = if step.end == StepEnd::Ok { "" } else { step.reason.unwrap_or("other") };
        let place = self.tool_ends.iter().position(|known| *known == word);
        let place = place.unwrap_or(self.tool_ends.len().saturating_sub(1));
        let known = self.tool_ends.get(place).copied().unwrap_or("other");
        let make = || self.registry.histogram(&family::TOOL_DURATION, &[&tool.name, known]);
        if let Some(durations) = tool.duration.get(place, make) {
            durations.record(step.took.as_secs_f64());
        }
    }

    fn tool(&self, name: &str) -> Tool {
        Tool {
            name: name.into(),
            calls: Counters::new(&self.registry, &family::TOOL_CALLS, &[name]),
            duration: Slots::new(self.tool_ends.len()),
        }
    }
}

// === impl Models ===

impl Models {
    fn new(registry: &Registry, models: &[(String, String)]) -> Self {
        let new = Self { rows: Table::new(MODELS), keys: RwLock::default() };
        new.configured(registry, models);
        new
    }

    /// There are these, too. Of two with one id, the first has it.
    fn configured(&self, registry: &Registry, models: &[(String, String)]) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for (key, id) in models {
            let row = self.rows.get(key, |name| Model::new(registry, name));
            keys.entry(id.as_str().into()).or_insert_with(|| row.name.clone());
        }
        for (key, _) in models {
            keys.insert(key.as_str().into(), key.as_str().into());
        }
    }

    /// The model of that key or id.
    fn row(&self, registry: &Registry, name: &str) -> Arc<Model> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(name).map_or(name, |key| key);
        self.rows.find(key, |name| Model::new(registry, name))
    }
}

// === impl Model ===

impl Model {
    fn new(registry: &Registry, name: &str) -> Self {
        Self {
            name: name.into(),
            turns: Counters::new(registry, &family::INTERACTIONS, &[name]),
            tokens: Counters::new(registry, &family::TOKENS, &[name]),
            duration: Slots::new(ModelEnd::ALL.len()),
            usage: Slots::new(TokenKind::ALL.len()),
            retries: Counters::new(registry, &family::MODEL_RETRIES, &[name]),
            first: OnceLock::new(),
            cost: OnceLock::new(),
        }
    }
}

// === impl ActiveTurn ===

impl Drop for ActiveTurn {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

// === impl TokenFacts ===

impl TokenFacts {
    pub(super) const fn of(&self, kind: TokenKind) -> u64 {
        match kind {
            TokenKind::Input => self.input,
            TokenKind::Output => self.output,
            TokenKind::CacheRead => self.cache_read,
            TokenKind::CacheWrite => self.cache_write,
        }
    }
}

/// How memory ended.
fn ending(step: &StepFacts<'_>) -> MemoryEnd {
    if step.end == StepEnd::Ok { MemoryEnd::Ok } else { memory_end(step.reason.or(Some("other"))) }
}

/// The end of that word; none is success.
pub(super) fn memory_end(reason: Option<&str>) -> MemoryEnd {
    let Some(reason) = reason else { return MemoryEnd::Ok };
    of_word(reason).filter(|end| *end != MemoryEnd::Ok).unwrap_or(MemoryEnd::Other)
}
