//! What differs between two definitions.
//!
//! Enters: differences, one by one, with the place where they are. Leaves: the classes they are of,
//! the worst first, and the first places of each. Never: more places than can be looked at.

use toolgate_telemetry::{ContractChange, Word as _};

/// The most places that are kept.
const PLACES: usize = 32;
/// The longest place, in characters.
const PLACE: usize = 512;

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u8);

/// A place where two definitions differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, as a JSON pointer (RFC 6901) into both definitions; cut when it is very long.
    pub pointer: String,
    /// How.
    pub class: ContractChange,
}

/// All that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// In which ways.
    pub classes: Classes,
    /// Where, in the order of the approved definition; at most 32 places.
    pub differences: Vec<Difference>,
    /// How many more there are.
    pub more: usize,
}

/// A comparison under way.
#[derive(Debug, Default)]
pub(super) struct Found {
    change: Change,
    path: Vec<String>,
    /// Within definitions that are also referred to from where less is more.
    pub(super) both_ways: bool,
}

// === impl Classes ===

impl Classes {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether there is more than words.
    pub(super) fn is_more_than_text(self) -> bool {
        self.iter().any(|class| class != ContractChange::Text)
    }

    /// Whether that class is among them.
    #[must_use]
    pub fn has(self, class: ContractChange) -> bool {
        self.0 & (1 << class.index()) != 0
    }

    /// The classes, the worst first.
    pub fn iter(self) -> impl Iterator<Item = ContractChange> {
        ContractChange::ALL.iter().copied().filter(move |class| self.has(*class))
    }

    /// The worst.
    #[must_use]
    pub fn worst(self) -> Option<ContractChange> {
        self.iter().next()
    }

    fn add(&mut self, class: ContractChange) {
        self.0 |= 1 << class.index();
    }
}

impl FromIterator<ContractChange> for Classes {
    fn from_iter<I: IntoIterator<Item = ContractChange>>(classes: I) -> Self {
        let mut all = Self::default();
        classes.into_iter().for_each(|class| all.add(class));
        all
    }
}

// === impl Change ===

impl Change {
    /// One difference of the whole.
    #[must_use]
    pub fn whole(class: ContractChange) -> Self {
        let differences = vec![Difference { pointer: String::new(), class }];
        Self { classes: Classes::from_iter([class]), differences, more: 0 }
    }
}

// === impl Found ===

impl Found {
    /// Here is a difference.
    pub(super) fn note(&mut self, class: ContractChange) {
        self.change.classes.add(class);
        if self.change.differences.len() >= PLACES {
            self.change.more += 1;
            return;
        }
        let pointer = pointer(&self.path);
        let known = |other: &Difference| other.class == class && other.pointer == pointer;
        if !self.change.differences.iter().any(known) {
            self.change.differences.push(Difference { pointer, class });
        }
    }

    /// Looks at something, and gives the classes of what differs in it.
    pub(super) fn apart(&mut self, look: impl FnOnce(&mut Self)) -> Classes {
        let before = std::mem::take(&mut self.change.classes);
        look(self);
        let within = self.change.classes;
        self.change.classes.0 |= before.0;
        within
    }

    /// Looks at a member or an item.
    pub(super) fn within<T>(
        &mut self,
        key: impl Into<String>,
        look: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.path.push(key.into());
        let seen = look(self);
        self.path.pop();
        seen
    }

    /// How deep in the definition this is.
    pub(super) fn depth(&self) -> usize {
        self.path.len()
    }

    pub(super) fn end(self) -> Change {
        self.change
    }
}

fn pointer(path: &[String]) -> String {
    let mut out = String::new();
    for key in path {
        out.push('/');
        out.push_str(&key.replace('~', "~0").replace('/', "~1"));
    }
    match out.char_indices().nth(PLACE) {
        Some((end, _)) => format!("{}…", out.get(..end).unwrap_or_default()),
        None => out,
    }
}
