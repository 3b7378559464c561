//! What one server has of all that is on offer; the gateway as a whole is one of them (ADR 25).
//!
//! Enters: the targets' lists, whenever one has changed. Leaves: a catalog of what belongs to the
//! server, under its names, and word that it is another one now. Never: a target of its own: all
//! views look at the same ones.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use toolgate_call::{Kind, Listed, Plan, Scopes, Server, name};

use super::catalog::{Catalog, Generations, Sight};
use super::entry::Entry;
use super::scale::Scale;
use crate::list::Item;
use crate::naming::fnv1a;
use crate::search::Own;
use crate::selection::{Pattern, Selection, ServerSpec};
use crate::{Finder, Prefix, Search};

/// How the gateway is seen: as a whole, and as the servers that are parts of it.
#[derive(Debug)]
pub struct Views {
    /// When names carry their target's at the gateway as a whole.
    pub prefix: Prefix,
    /// Whether tools can be searched at the gateway as a whole.
    pub search: Search,
    /// What the list of tools at the gateway as a whole may weigh, in tokens, before it is told of.
    pub budget: Option<usize>,
    /// By whom tools are found, if they can be searched anywhere.
    pub finder: Option<Arc<dyn Finder>>,
    /// The servers, each at the place that its number names.
    pub servers: Vec<ServerSpec>,
}

/// All views.
#[derive(Debug)]
pub(super) struct All {
    whole: View,
    servers: Vec<View>,
    /// That of a server that is not configured here.
    nothing: View,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct View {
    /// `None`: the gateway as a whole.
    pub(crate) spec: Option<ServerSpec>,
    pub(super) prefix: Prefix,
    search: Search,
    pub(crate) scale: Scale,
    catalog: ArcSwap<Catalog>,
    changes: watch::Sender<Generations>,
    changed: Mutex<Changed>,
    /// Patterns of which was told that they fit nothing.
    idle: Mutex<HashSet<Pattern>>,
}

/// When each of the lists has changed for the last time.
#[derive(Clone, Copy, Debug, Default)]
struct Changed {
    tools: Option<SystemTime>,
    prompts: Option<SystemTime>,
    resources: Option<SystemTime>,
}

impl From<Prefix> for Views {
    /// The gateway as a whole only.
    fn from(prefix: Prefix) -> Self {
        Self { prefix, search: Search::Off, budget: None, finder: None, servers: Vec::new() }
    }
}

// === impl All ===

impl All {
    pub(super) fn new(views: Views) -> Self {
        let nothing = ServerSpec {
            server: Arc::new(Server {
                name: Arc::from(""),
                number: usize::MAX,
                scopes: Scopes::default(),
            }),
            selection: Arc::default(),
            prefix: Prefix::Always,
            search: Search::Off,
            budget: None,
            instructions: None,
        };
        Self {
            whole: View::new((views.prefix, views.search, views.budget), None),
            servers: views.servers.into_iter().map(View::of).collect(),
            nothing: View::of(nothing),
        }
    }

    /// That of a server; `None`: of the gateway as a whole.
    pub(super) fn at(&self, server: Option<&Server>) -> &View {
        match server {
            None => &self.whole,
            Some(server) => self.servers.get(server.number).unwrap_or(&self.nothing),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &View> {
        std::iter::once(&self.whole).chain(&self.servers)
    }
}

// === impl View ===

impl View {
    fn of(spec: ServerSpec) -> Self {
        Self::new((spec.prefix, spec.search, spec.budget), Some(spec))
    }

    fn new(
        (prefix, search, budget): (Prefix, Search, Option<usize>),
        spec: Option<ServerSpec>,
    ) -> Self {
        let (changes, _) = watch::channel(Generations::default());
        Self {
            spec,
            prefix,
            search,
            scale: Scale::new(budget),
            catalog: ArcSwap::default(),
            changes,
            changed: Mutex::default(),
            idle: Mutex::default(),
        }
    }

    /// Whether anything of that target may be seen.
    pub(super) fn has_target(&self, target: &str) -> bool {
        self.selection().is_none_or(|selection| selection.has_target(target))
    }

    /// Whether a tool of that full name may be seen.
    pub(super) fn has_tool(&self, target: &str, full: &str) -> bool {
        self.has_target(target)
            && self.selection().is_none_or(|selection| selection.has(Kind::Tool, full))
    }

    /// Whether tools can be searched here.
    pub(crate) const fn search(&self) -> Search {
        self.search
    }

    pub(crate) fn catalog(&self) -> arc_swap::Guard<Arc<Catalog>> {
        self.catalog.load()
    }

    pub(crate) fn catalog_full(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// A receiver that sees another number whenever a list of the catalog has changed.
    pub(crate) fn changes(&self) -> watch::Receiver<Generations> {
        self.changes.subscribe()
    }

    /// What somebody knows who has seen the catalog at that time, and the numbers of today: the same
    /// but for lists that have changed then or later. Whoever holds a receiver already and then asks
    /// this misses nothing.
    pub(crate) fn known_at(&self, time: SystemTime) -> (Generations, Generations) {
        let changed = *self.changed();
        let now = *self.changes.borrow();
        let known = |number: u64, changed: Option<SystemTime>| {
            if changed.is_some_and(|changed| changed >= time) { !number } else { number }
        };
        let known = Generations {
            tools: known(now.tools, changed.tools),
            prompts: known(now.prompts, changed.prompts),
            resources: known(now.resources, changed.resources),
        };
        (known, now)
    }

    /// Looks at the targets' lists again. The turn is the caller's: an older catalog never takes the
    /// place of a newer one.
    pub(super) fn rebuild(
        &self,
        entries: &[Arc<Entry>],
        plan: impl Fn(&Entry, Kind, Option<&Item>) -> Plan,
    ) -> Arc<Catalog> {
        let own: Vec<_> =
            entries.iter().filter(|entry| self.has_target(&entry.spec.name)).cloned().collect();
        let name = self.spec.as_ref().map(|spec| Arc::clone(&spec.server.name));
        let sight = Sight {
            prefix: self.prefix,
            own: Own::of(self.search, self.spec.as_ref().map(|spec| &*spec.server)),
            only: self.search == Search::Only,
            server: name.unwrap_or_default(),
            selection: self.spec.as_ref().map(|spec| Arc::clone(&spec.selection)),
            salt: self.spec.as_ref().map_or(0, |spec| fnv1a(spec.server.name.as_bytes())),
        };
        let catalog = Catalog::build(&own, sight, |entry, kind, item| {
            let plan = plan(entry, kind, item);
            match &self.spec {
                Some(spec) => spec.offered(plan),
                None => plan,
            }
        });
        self.warn(&own);
        let server = self.spec.as_ref().map_or("", |spec| &spec.server.name);
        self.scale.weigh(server, &catalog, own.iter().all(|entry| entry.is_known()));
        let catalog = Arc::new(catalog);
        let after = catalog.generations();
        let before = self.catalog.swap(Arc::clone(&catalog)).generations();
        if before != after {
            self.note(before, after);
            self.changes.send_replace(after);
        }
        catalog
    }

    /// Lets whoever listens look whether its lists are others now, though no target's is. Whoever begins
    /// to listen later, and has seen them before, is told of all.
    pub(super) fn stir(&self) {
        let now = Some(SystemTime::now());
        *self.changed() = Changed { tools: now, prompts: now, resources: now };
        self.changes.send_modify(|_| ());
    }

    /// Remembers which lists have changed just now.
    fn note(&self, before: Generations, after: Generations) {
        let mut changed = self.changed();
        let now = Some(SystemTime::now());
        let Changed { tools, prompts, resources } = &mut *changed;
        if before.tools != after.tools {
            *tools = now;
        }
        if before.prompts != after.prompts {
            *prompts = now;
        }
        if before.resources != after.resources {
            *resources = now;
        }
    }

    /// Tells of patterns that fit nothing, once all targets have said what they have; of each once
    /// until it fits something again.
    fn warn(&self, own: &[Arc<Entry>]) {
        let Some(spec) = &self.spec else { return };
        if own.iter().any(|entry| !entry.is_known()) {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, key) in
            [(Kind::Tool, "tools"), (Kind::Prompt, "prompts"), (Kind::Resources, "resources")]
        {
            for pattern in spec.selection.sieve(kind).patterns() {
                let can = |name: &String| spec.selection.can_judge(kind, name);
                if names(own, kind).filter(can).any(|name| pattern.fits(&name)) {
                    idle.remove(pattern);
                } else if idle.insert(pattern.clone()) {
                    let server = &spec.server.name;
                    tracing::warn!(%server, key, %pattern, "a pattern of this server fits nothing that its targets have");
                }
            }
        }
    }

    fn selection(&self) -> Option<&Selection> {
        self.spec.as_ref().map(|spec| &*spec.selection)
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is of a kind, by the names that patterns are held against.
fn names(entries: &[Arc<Entry>], kind: Kind) -> impl Iterator<Item = String> {
    let lists: &[Listed] = match kind {
        Kind::Tool | Kind::Task => &[Listed::Tools],
        Kind::Prompt => &[Listed::Prompts],
        Kind::Resources => &[Listed::Resources, Listed::Templates],
    };
    let of = move |entry: &Arc<Entry>| {
        let entry = Arc::clone(entry);
        lists.iter().flat_map(move |what| {
            let items = entry.list(*what);
            let all = items.iter().map(|item| full(&entry.spec.name, kind, item));
            all.collect::<Vec<_>>()
        })
    };
    entries.iter().flat_map(of)
}

/// The name by which something is selected.
pub(super) fn full(target: &str, kind: Kind, item: &Item) -> String {
    match kind {
        Kind::Tool | Kind::Task | Kind::Prompt => name::join(target, &item.name),
        Kind::Resources => item.name.to_string(),
    }
}
