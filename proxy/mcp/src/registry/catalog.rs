//! All that is on offer at one moment.
//!
//! Enters: every target's lists. Leaves: what they hold in configuration order and then the
//! target's order, and maps by name and by URI. Never: changed after it was built.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use toolgate_call::{Kind, Listed, Plan, Policy, Principal, RawJson, Subject, name};
use toolgate_telemetry::estimated_tokens;

use super::entry::Entry;
use super::owners::Owners;
use super::view::full;
use crate::list::{About, Item, Standing, Tasks};
use crate::mirror::Mirror;
use crate::naming::{self, Prefix, Shared, fnv1a};
use crate::search::{Own, is_own};
use crate::selection::Selection;

/// Something on offer.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(crate) raw: RawJson,
    /// What callers of the older era are shown, where it is something else.
    pub(crate) for_legacy: Option<RawJson>,
    pub(crate) plan: Arc<Plan>,
    /// A digest of it.
    digest: u64,
}

/// One list, and a digest of it: another one means that something has changed.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    pub(crate) items: Vec<Offered>,
    pub(crate) generation: u64,
    /// Of all descriptions.
    bytes: usize,
}

/// Everything on offer.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Those on the list.
    tools: Offers,
    /// Those of the targets, where the list has but the gateway's own.
    unlisted: Offers,
    prompts: Offers,
    resources: Offers,
    templates: Offers,
    named: Named,
    prompts_named: Named,
    owners: Owners,
    /// Arguments that stand in headers as well, by the full names of their tools.
    mirrors: HashMap<Arc<str>, Arc<[Mirror]>>,
    /// The full names of tools that older targets run as tasks only.
    only_tasks: HashSet<Arc<str>>,
    /// What the targets say of themselves, in configuration order.
    pub(crate) abouts: Vec<(Arc<str>, Arc<About>)>,
    /// What of it all is on offer here; `None`: everything.
    selection: Option<Arc<Selection>>,
    /// Tells the cursors of one server from those of another.
    salt: u64,
}

/// How the targets' lists are looked at.
pub(super) struct Sight {
    pub(super) prefix: Prefix,
    /// The gateway's own tools.
    pub(super) own: Vec<Own>,
    /// Whether nothing else is on the list.
    pub(super) only: bool,
    /// What is seen of them; `None`: everything.
    pub(super) selection: Option<Arc<Selection>>,
    pub(super) salt: u64,
    /// The server, for the log; empty: the gateway as a whole.
    pub(super) server: Arc<str>,
}

/// What lists have changed between two catalogs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generations {
    pub(crate) tools: u64,
    pub(crate) prompts: u64,
    /// Resources and templates.
    pub(crate) resources: u64,
}

type Named = HashMap<String, Arc<Plan>>;

/// One list under construction.
struct Naming<'a> {
    sight: &'a Sight,
    targets: &'a HashSet<Arc<str>>,
    named: Named,
    offers: Offers,
}

/// Things of one target, each with its plan.
type Planned = (Arc<[Item]>, Vec<Arc<Plan>>);

// === impl Catalog ===

impl Catalog {
    pub(super) fn build(
        entries: &[Arc<Entry>],
        sight: Sight,
        plan: impl Fn(&Entry, Kind, Option<&Item>) -> Plan,
    ) -> Self {
        let targets: HashSet<_> =
            entries.iter().map(|entry| Arc::clone(&entry.spec.name)).collect();
        let named = |what, kind, own: &[Own]| {
            let planned = |entry: &Arc<Entry>| {
                let items = sight.of(entry, (what, kind));
                let plans = items.iter().map(|item| Arc::new(plan(entry, kind, Some(item))));
                let plans = plans.collect();
                (items, plans)
            };
            let all: Vec<Planned> = entries.iter().map(planned).collect();
            Naming::of(&sight, &targets).all(own, &all)
        };
        let (offered, by_name) = named(Listed::Tools, Kind::Tool, &sight.own);
        let (prompts, prompts_named) = named(Listed::Prompts, Kind::Prompt, &[]);
        let (tools, unlisted) = offered.parted(|tool| !sight.only || is_own(&tool.plan));
        let mut catalog =
            Self { tools, unlisted, prompts, named: by_name, prompts_named, ..Self::default() };
        for entry in entries {
            catalog.mirror(entry);
            let about = entry.about();
            if about.tasks == Tasks::Older {
                catalog.note_tasks(entry);
            }
            if about.may_have(Listed::Resources) {
                let of = |what| sight.of(entry, (what, Kind::Resources));
                let lists = (of(Listed::Resources), of(Listed::Templates));
                catalog.own(lists, &Arc::new(plan(entry, Kind::Resources, None)));
            }
            catalog.abouts.push((Arc::clone(&entry.spec.name), about));
        }
        catalog.selection = sight.selection;
        catalog.salt = sight.salt;
        catalog
    }

    /// A list.
    pub(crate) const fn list(&self, what: Listed) -> &Offers {
        match what {
            Listed::Tools => &self.tools,
            Listed::Prompts => &self.prompts,
            Listed::Resources => &self.resources,
            Listed::Templates => &self.templates,
        }
    }

    /// What the definitions on the list of tools weigh, in tokens, by estimate.
    pub(crate) const fn weight(&self) -> usize {
        estimated_tokens(self.tools.bytes)
    }

    /// How many tools are on the list.
    pub(super) const fn tools_listed(&self) -> usize {
        self.tools.items.len()
    }

    /// What they weigh for one who may see but these.
    pub(crate) fn weight_for(&self, policy: &Policy, principal: &Principal) -> usize {
        let may = |tool: &&Offered| policy.decide(principal, Subject::One(&tool.plan)).is_ok();
        estimated_tokens(self.tools.items.iter().filter(may).map(|tool| tool.raw.len()).sum())
    }

    /// The tools of targets, whether or not they are on the list.
    pub(crate) fn found(&self) -> impl Iterator<Item = &Offered> {
        let all = self.tools.items.iter().chain(&self.unlisted.items);
        all.filter(|tool| !is_own(&tool.plan))
    }

    /// What goes by that name, or whose URI that is.
    pub(crate) fn find(&self, kind: Kind, exposed: &str) -> Option<Arc<Plan>> {
        match kind {
            Kind::Tool => self.named.get(exposed).map(Arc::clone),
            Kind::Prompt => self.prompts_named.get(exposed).map(Arc::clone),
            Kind::Resources => self.owners.of(exposed).filter(|_| self.selects(exposed)),
            Kind::Task => None,
        }
    }

    /// Whether there may be things of that kind here.
    pub(crate) fn may_have(&self, kind: Kind) -> bool {
        self.selection.as_ref().is_none_or(|selection| !selection.sieve(kind).is_shut())
    }

    /// Whether a resource, or a template, of that URI belongs here.
    pub(crate) fn selects(&self, uri: &str) -> bool {
        let selection = self.selection.as_ref();
        selection.is_none_or(|selection| selection.has(Kind::Resources, uri))
    }

    /// The number that stands in the cursors of a list: another one means another list.
    pub(crate) fn mark(&self, what: Listed) -> u64 {
        // Another list may have the same number, above all an empty one.
        self.list(what).generation ^ fnv1a(what.member().as_bytes()) ^ self.salt
    }

    pub(crate) const fn generations(&self) -> Generations {
        Generations {
            tools: self.tools.generation,
            prompts: self.prompts.generation,
            resources: self.resources.generation ^ self.templates.generation.rotate_left(1),
        }
    }

    /// The same as far as somebody may see what is on the lists.
    pub(crate) fn seen_by(&self, policy: &Policy, principal: &Principal) -> Generations {
        let seen = |offers: &Offers| {
            let may = |item: &&Offered| policy.decide(principal, Subject::One(&item.plan)).is_ok();
            offers.items.iter().filter(may).fold(0, |all, item| mixed(all, item.digest))
        };
        Generations {
            tools: seen(&self.tools),
            prompts: seen(&self.prompts),
            resources: seen(&self.resources) ^ seen(&self.templates).rotate_left(1),
        }
    }

    /// The arguments of a tool that stand in headers as well, if there are any.
    pub(crate) fn mirrors(&self, full: &str) -> Option<Arc<[Mirror]>> {
        if self.mirrors.is_empty() { None } else { self.mirrors.get(full).map(Arc::clone) }
    }

    /// Whether an older target runs that tool as a task only.
    pub(crate) fn runs_as_task_only(&self, full: &str) -> bool {
        !self.only_tasks.is_empty() && self.only_tasks.contains(full)
    }

    fn note_tasks(&mut self, entry: &Entry) {
        for tool in entry.list(Listed::Tools).iter().filter(|tool| tool.only_task) {
            self.only_tasks.insert(name::join(&entry.spec.name, &tool.name).into());
        }
    }

    fn mirror(&mut self, entry: &Entry) {
        for tool in entry.list(Listed::Tools).iter().filter(|tool| !tool.mirrors.is_empty()) {
            let full = name::join(&entry.spec.name, &tool.name);
            self.mirrors.insert(full.into(), Arc::clone(&tool.mirrors));
        }
    }

    /// Takes a target's resources in. Of two with the same URI the first target's is offered.
    fn own(&mut self, (resources, templates): (Arc<[Item]>, Arc<[Item]>), plan: &Arc<Plan>) {
        for item in resources.iter() {
            if self.owners.claim(&item.name, plan) {
                self.resources.add(item.raw(), None, Arc::clone(plan));
            } else {
                let (target, uri) = (&plan.target, &item.name);
                tracing::warn!(%target, %uri, "hidden by a resource of the same URI");
            }
        }
        for item in templates.iter() {
            if self.owners.claim_all(&item.name, plan) {
                self.templates.add(item.raw(), None, Arc::clone(plan));
            } else {
                let (target, template) = (&plan.target, &item.name);
                tracing::warn!(%target, %template, "hidden by a template of the same words");
            }
        }
        self.owners.join(plan);
    }
}

// === impl Sight ===

impl Sight {
    /// What is seen of a list.
    fn of(&self, entry: &Entry, (what, kind): (Listed, Kind)) -> Arc<[Item]> {
        let items = entry.list(what);
        let Some(selection) = &self.selection else { return items };
        let has = |item: &&Item| selection.has(kind, &full(&entry.spec.name, kind, item));
        items.iter().filter(has).cloned().collect()
    }
}

// === impl Offers ===

impl Offers {
    fn add(&mut self, raw: RawJson, for_legacy: Option<RawJson>, plan: Arc<Plan>) {
        let digest = fnv1a(raw.as_bytes());
        self.take(Offered { raw, for_legacy, plan, digest });
    }

    fn take(&mut self, offered: Offered) {
        self.generation = mixed(self.generation, offered.digest);
        self.bytes += offered.raw.len();
        self.items.push(offered);
    }

    /// Those of which it is so, and the others.
    fn parted(self, is_so: impl Fn(&Offered) -> bool) -> (Self, Self) {
        let (mut these, mut others) = (Self::default(), Self::default());
        for offered in self.items {
            if is_so(&offered) { these.take(offered) } else { others.take(offered) }
        }
        (these, others)
    }
}

const fn mixed(all: u64, digest: u64) -> u64 {
    all.rotate_left(5) ^ digest
}

// === impl Naming ===

impl<'a> Naming<'a> {
    fn of(sight: &'a Sight, targets: &'a HashSet<Arc<str>>) -> Self {
        Self { sight, targets, named: Named::new(), offers: Offers::default() }
    }

    fn all(mut self, own: &[Own], all: &[Planned]) -> (Offers, Named) {
        // The gateway's own first: a target's tool of that name is called by its full one.
        for Own { name, raw, plan } in own {
            self.named.insert((*name).to_owned(), Arc::clone(plan));
            self.offers.add(raw.clone(), None, Arc::clone(plan));
        }
        let mut owners: HashMap<Arc<str>, (usize, usize)> = HashMap::new();
        for (at, (items, _)) in all.iter().enumerate() {
            for item in items.iter().filter(|item| item.standing != Standing::Stranger) {
                owners.entry(Arc::clone(&item.name)).or_insert((at, 0)).1 += 1;
            }
        }
        // The full name is always understood, so that a name which was plain yesterday and is
        // shared today goes on working under it; and before all others, so that none can take it.
        for plan in all.iter().flat_map(|(_, plans)| plans) {
            self.named.insert(plan.full.to_string(), Arc::clone(plan));
        }
        for (at, (items, plans)) in all.iter().enumerate() {
            let named = |(item, _): &(&Item, _)| item.standing != Standing::Stranger;
            for (item, plan) in items.iter().zip(plans).filter(named) {
                let shared = match owners.get(&item.name) {
                    Some((first, count)) if *count > 1 && *first == at => Shared::First,
                    Some((_, count)) if *count > 1 => Shared::Later,
                    _ => Shared::Alone,
                };
                match self.name_for(plan, shared) {
                    Some(exposed) => self.offer(exposed, item, plan),
                    None => {
                        let server = &self.sight.server;
                        tracing::warn!(name = %plan.full, %server, "hidden by another of the same name");
                    }
                }
            }
        }
        (self.offers, self.named)
    }

    /// The name under which something is offered; `None` if it would be another's.
    fn name_for(&self, plan: &Arc<Plan>, shared: Shared) -> Option<String> {
        let name = |shared| naming::expose(self.sight.prefix, &plan.target, &plan.name, shared);
        let is_free = |name: &String| self.is_free(name, plan);
        let later = || name(Shared::Later).filter(is_free);
        // Who has the name of the gateway's own is not lost to it, even where names have no prefix.
        let is_own = || self.named.get(&*plan.name).is_some_and(|owner| is_own(owner));
        let full = || is_own().then(|| plan.full.to_string());
        name(shared).filter(is_free).or_else(later).or_else(full)
    }

    /// Whether a name is its own to take: not one that another has, or that reads like the full
    /// name of another.
    fn is_free(&self, name: &str, plan: &Arc<Plan>) -> bool {
        match self.named.get(name) {
            Some(owner) => Arc::ptr_eq(owner, plan),
            None => {
                let named = name::split(name).map(|(target, _)| target);
                named.is_none_or(|target| *target == *plan.target || !self.targets.contains(target))
            }
        }
    }

    fn offer(&mut self, exposed: String, item: &Item, plan: &Arc<Plan>) {
        if item.standing == Standing::Offered {
            let (raw, for_legacy) = (item.renamed(&exposed), item.renamed_for_legacy(&exposed));
            self.offers.add(raw, for_legacy, Arc::clone(plan));
        }
        self.named.insert(exposed, Arc::clone(plan));
    }
}
