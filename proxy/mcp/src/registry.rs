//! What all targets offer together.
//!
//! Enters: each target's lists, when the gateway starts, when they have grown old, and when the
//! target says that they changed. Leaves: a directory of tools, prompts and resources, and a
//! catalog for lists. Never: a target's failure that takes away what another offers.

mod catalog;
mod changes;
mod entry;
mod guard;
mod owners;
mod scale;
mod spec;
mod task;
mod view;
mod weight;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use toolgate_call::{Directory, Kind, Listed, Plan, Refusal, Resolving, Server, name};
use toolgate_telemetry::{ListCause, Telemetry};

pub(crate) use catalog::{Catalog, Generations, Offered};
use entry::Entry;
pub use spec::{Said, TargetSpec, Terms, ToolRule};
pub(crate) use view::View;
pub use view::Views;

use crate::contract::{Contract, Contracts};
use crate::list::Standing;
use crate::mirror::Mirror;
use crate::selection::ServerSpec;
use crate::{Finder, Prefix, TargetSvc, Watches, search};

/// How long a list waits for a target whose own list has grown old.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often the gateway looks, by itself, whether a target has to be asked again.
const LOOK: Duration = Duration::from_secs(1);

/// The shortest time after which a good list is asked for again although nobody wants it.
const LEISURE: Duration = Duration::from_secs(30);

/// What clients are told of a list that lacks a target: to come back soon.
const LACKING: Duration = Duration::from_secs(1);

/// How long the first callers wait for targets that have not said yet what they offer.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// All targets and their tools.
#[derive(Debug)]
pub struct Registry {
    entries: Vec<Arc<Entry>>,
    rules: HashMap<String, ToolRule>,
    views: view::All,
    building: Mutex<()>,
    watches: Arc<Watches>,
    pub(crate) finder: Option<Arc<dyn Finder>>,
    telemetry: Arc<Telemetry>,
}

// === impl Registry ===

impl Registry {
    /// A registry of these targets, in this order; `rules` are keyed by `target___tool`. A
    /// [`Prefix`] stands for a gateway without servers of its own.
    #[must_use]
    pub fn new(
        targets: Vec<TargetSpec>,
        rules: HashMap<String, ToolRule>,
        views: impl Into<Views>,
        watches: Arc<Watches>,
        telemetry: Arc<Telemetry>,
    ) -> Arc<Self> {
        let entries = targets.into_iter().map(|spec| Arc::new(Entry::new(spec))).collect();
        let mut views = views.into();
        Arc::new(Self {
            entries,
            rules,
            finder: views.finder.take(),
            views: view::All::new(views),
            building: Mutex::default(),
            watches,
            telemetry,
        })
    }

    /// From now on the targets are held to this; lists that are there already are looked at again.
    pub fn hold_to(&self, contracts: &Contracts) {
        let on_first_use = Arc::new(Contract::on_first_use());
        for entry in &self.entries {
            entry.hold_to(contracts.0.get(&*entry.spec.name).unwrap_or(&on_first_use));
        }
        // Only now: nobody waits while lists are judged.
        let _turn = self.turn();
        let mut changed = false;
        for entry in &self.entries {
            changed |= entry.serve();
        }
        if changed {
            self.rebuild();
        }
    }

    /// What callers may see is another matter now: those who listen are told if their lists are others.
    pub fn rules_changed(&self) {
        self.views.iter().for_each(View::stir);
    }

    /// Asks every target for its list, for the first time.
    pub async fn load(self: &Arc<Self>) {
        join_all(self.entries.iter().map(|entry| self.refresh(entry, ListCause::Startup))).await;
    }

    /// The same, and then goes on as long as it is polled: lists that have grown old are renewed,
    /// and targets that failed are asked again, whether or not there are callers. One question for
    /// each target at most is on its way.
    ///
    /// `shut` tells for how long calls to a target are held back; `None`: they are not.
    pub async fn keep(self: Arc<Self>, shut: impl Fn(&str) -> Option<Duration> + Sync) {
        join_all(self.entries.iter().map(|entry| self.tend(entry, &shut))).await;
    }

    async fn tend(&self, entry: &Entry, shut: &(impl Fn(&str) -> Option<Duration> + Sync)) {
        self.refresh(entry, ListCause::Startup).await;
        loop {
            // Between the half and the whole, so that targets do not keep step.
            tokio::time::sleep(LOOK.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            if entry.is_neglected(LEISURE) {
                self.refresh(entry, ListCause::Ttl).await;
            } else if shut(&entry.spec.name).is_some_and(|left| left.is_zero()) {
                entry.probe().await;
            }
        }
    }

    /// Hears that a target's lists have changed.
    pub async fn changed(&self, target: &str) {
        let Some(entry) = self.entry(target) else { return };
        entry.expire();
        self.refresh(entry, ListCause::Notify).await;
    }

    /// Asks a target for its lists because of what it said to a call; not a second after it was asked
    /// for that.
    pub(crate) async fn looked_again(&self, target: &str) {
        let Some(entry) = self.entry(target) else { return };
        if entry.may_look() {
            self.changed(target).await;
        } else {
            entry.answered().await;
        }
    }

    /// What is seen at a server; `None`: at the gateway as a whole.
    pub(crate) fn view(&self, server: Option<&Server>) -> &View {
        self.views.at(server)
    }

    /// The servers, in the order of their numbers.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &ServerSpec> {
        self.views.iter().filter_map(|view| view.spec.as_ref())
    }

    /// Who watches which resources.
    pub(crate) const fn watches(&self) -> &Arc<Watches> {
        &self.watches
    }

    /// The catalog as it is, for whoever wants to know what kinds of things there are. Targets that
    /// have never said anything, nor failed, are waited for a moment.
    pub(crate) async fn introduced(&self, server: Option<&Server>) -> Arc<Catalog> {
        let view = self.view(server);
        let silent = self.of(view).filter(|entry| entry.is_being_asked() && entry.is_new());
        let waiting = join_all(silent.map(|entry| entry.answered()));
        let _in_time = tokio::time::timeout(FIRST_WORDS, waiting).await;
        view.catalog_full()
    }

    /// Name, tools and last failure of each target, for the status page and `/readyz`.
    #[must_use]
    pub fn targets(&self) -> Vec<(Arc<str>, usize, Option<String>)> {
        self.entries
            .iter()
            .map(|entry| {
                let failure = entry.failure().map(|refusal| refusal.message().to_owned());
                (Arc::clone(&entry.spec.name), entry.list(Listed::Tools).len(), failure)
            })
            .collect()
    }

    /// The catalog, with every list that has grown old fetched again. A target that takes long
    /// over it is waited for a little while only; its answer counts when it comes.
    ///
    /// # Errors
    /// The failure of a target that is `required`.
    pub(crate) async fn fresh(
        self: &Arc<Self>,
        server: Option<&Server>,
    ) -> Result<Arc<Catalog>, Refusal> {
        let view = self.view(server);
        let due = self.due(view);
        if !due.is_empty() {
            let asking = join_all(due.into_iter().map(|entry| self.renew(entry)));
            let _in_time = tokio::time::timeout(PATIENCE, asking).await;
        }
        let missing = self.of(view).find(|entry| entry.spec.required && !entry.is_known());
        match missing {
            Some(entry) => Err(entry.excuse()),
            None => Ok(view.catalog_full()),
        }
    }

    /// The targets whose offers are missing from lists, and why.
    pub(crate) fn missing(&self, server: Option<&Server>) -> Vec<(Arc<str>, Refusal)> {
        let unknown = self.of(self.view(server)).filter(|entry| !entry.is_known());
        unknown.map(|entry| (Arc::clone(&entry.spec.name), entry.excuse())).collect()
    }

    /// How long a list may be kept by a client: until the first of the targets' lists grows old.
    pub(crate) fn ttl(&self, server: Option<&Server>) -> Duration {
        let known = |entry: &Arc<Entry>| {
            if entry.is_known() { entry.good_for() } else { LACKING }
        };
        self.of(self.view(server)).map(known).min().unwrap_or_default()
    }

    pub(crate) fn target(&self, name: &str) -> Option<TargetSvc> {
        Some(self.entry(name)?.spec.svc.clone())
    }

    /// Whether a target tells of changes of single resources.
    pub(crate) fn tells_of_resources(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|entry| entry.about().subscribe)
    }

    /// Whether any target of a server sends log messages.
    pub(crate) fn logs(&self, server: Option<&Server>) -> bool {
        self.of(self.view(server)).any(|entry| entry.about().logging)
    }

    /// The arguments of a tool that stand in headers as well, if there are any.
    pub(crate) fn mirrors(&self, plan: &Plan) -> Option<Arc<[Mirror]>> {
        self.view(None).catalog().mirrors(&plan.full)
    }

    /// The targets of which something may be seen.
    fn of(&self, view: &View) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(|entry| view.has_target(&entry.spec.name))
    }

    fn entry(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.iter().find(|entry| *entry.spec.name == *name)
    }

    /// Asks a target, and takes its tools into the catalog.
    async fn refresh(&self, entry: &Entry, cause: ListCause) {
        entry
            .refresh(cause, |fetched| {
                // Both at once for whoever looks: no list that is told and not offered yet.
                let _turn = self.turn();
                if entry.settle(fetched) {
                    self.rebuild();
                }
            })
            .await;
    }

    /// The same in a task of its own, which goes on when nobody waits any more; if the target is
    /// being asked already, waits for that.
    async fn renew(self: &Arc<Self>, entry: &Arc<Entry>) {
        if entry.is_being_asked() {
            return entry.answered().await;
        }
        let (this, entry) = (Arc::clone(self), Arc::clone(entry));
        let asking = tokio::spawn(async move { this.refresh(&entry, ListCause::Ttl).await });
        let _ended = asking.await;
    }

    /// Held while lists or catalog change; an older catalog never takes the place of a newer one.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self, view: &View) -> Vec<&Arc<Entry>> {
        let _turn = self.turn();
        self.of(view).filter(|entry| entry.is_awaited()).collect()
    }

    fn rebuild(&self) {
        for view in self.views.iter() {
            let plan = |entry: &Entry, kind, item: Option<&_>| self.plan(&entry.spec, kind, item);
            let catalog = view.rebuild(&self.entries, plan);
            // Series begin at 0 when the tool becomes known, so that its first call is an increase.
            for tool in catalog.list(Listed::Tools).items.iter().chain(catalog.found()) {
                self.telemetry.calls.listed(&tool.plan);
            }
        }
        let over = self.views.iter().filter(|view| view.scale.is_over()).count();
        self.telemetry.gateway.lists_over_budget(over);
        if let Some(finder) = &self.finder {
            finder.know(search::findable(&self.view(None).catalog()));
        }
    }

    fn plan(&self, spec: &TargetSpec, kind: Kind, item: Option<&crate::list::Item>) -> Plan {
        let (name, full) = match item {
            Some(item) => (Arc::clone(&item.name), name::join(&spec.name, &item.name).into()),
            None => (Arc::clone(&spec.name), Arc::clone(&spec.name)),
        };
        let tool = item.filter(|_| kind == Kind::Tool);
        let unruled = ToolRule::default();
        let rule = tool.and_then(|_| self.rules.get(&*full)).unwrap_or(&unruled);
        let believed = |hint: fn(&crate::list::Item) -> Option<bool>| {
            tool.filter(|_| spec.trust_annotations).and_then(hint)
        };
        let said = Said {
            read_only: believed(|tool| tool.read_only),
            idempotent: believed(|tool| tool.idempotent),
        };
        Plan {
            quarantined: item.is_some_and(|item| item.standing != Standing::Offered),
            definition: tool.and_then(|tool| tool.definition),
            ..rule.plan(spec.terms(), kind, (name, full), said)
        }
    }

    /// The targets that a name could belong to. Where every name carries its target's, a name that
    /// carries none belongs to nobody: no target is asked for what a caller has made up.
    fn candidates<'a>(
        &'a self,
        view: &'a View,
        exposed: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Entry>> {
        let named = name::split(exposed).map(|(target, _)| target);
        let known = named.filter(|target| self.of(view).any(|e| *e.spec.name == **target));
        let anybody = view.prefix != Prefix::Always;
        let may = move |name: &str| known.map_or(anybody, |target| name == target);
        self.of(view).filter(move |entry| may(&entry.spec.name))
    }

    async fn look_again(
        &self,
        server: Option<&Server>,
        kind: Kind,
        exposed: &str,
    ) -> Result<Arc<Plan>, Refusal> {
        let view = self.view(server);
        let all = || self.of(view).filter(|_| kind == Kind::Resources);
        let named = || self.candidates(view, exposed).filter(|_| kind != Kind::Resources);
        let asked = all().chain(named()).filter(|entry| entry.may_ask());
        join_all(asked.map(|entry| self.refresh(entry, ListCause::Demand))).await;
        if let Some(plan) = self.lookup(server, kind, exposed) {
            return Ok(plan);
        }
        // What belongs to a target that cannot be asked is not unknown: the target is down.
        let down = all().chain(named()).find(|entry| !entry.is_known());
        Err(down.map_or_else(|| Refusal::unknown(kind, exposed), |entry| entry.excuse()))
    }
}

impl Directory for Registry {
    fn lookup(&self, server: Option<&Server>, kind: Kind, exposed: &str) -> Option<Arc<Plan>> {
        self.view(server).catalog().find(kind, exposed)
    }

    fn resolve<'a>(
        &'a self,
        server: Option<&'a Server>,
        kind: Kind,
        exposed: &'a str,
    ) -> Resolving<'a> {
        Box::pin(self.look_again(server, kind, exposed))
    }
}
