//! Puts dashboards and alarms into an account.
//!
//! Enters: what should be there, in the words of CloudWatch's API. Leaves: the account as it should
//! be, and for each name what was done. Never: a write of what is there already, or of what our own
//! checks refuse; a removal of what does not carry our mark.

mod account;
mod alarm;
mod alarms;
mod boards;
mod check;
mod differ;
mod failed;

use serde::Serialize;
use serde_json::Value;

pub use account::Account;
pub use check::Fault;
pub use failed::Failed;

/// What is to be there.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Dashboards: names, and bodies as `PutDashboard` takes them.
    Dashboards(Vec<(String, Value)>),
    /// Alarms, as `PutMetricAlarm` takes them or, with an `AlarmRule`, `PutCompositeAlarm`;
    /// composites after their parts.
    Alarms(Vec<Value>),
}

/// How it is put there.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// What all names begin with.
    pub prefix: &'a str,
    /// What stands in each that was put there in this way, by its name.
    pub mark: &'a (dyn Fn(&str) -> String + Sync),
    /// Nothing is written.
    pub dry_run: bool,
    /// What carries prefix and mark, and is not wanted any more, is removed.
    pub prune: bool,
}

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// It was as it should be.
    Unchanged,
    /// It was not there.
    Created,
    /// It was different.
    Updated,
    /// It is not wanted any more.
    Removed,
    /// CloudWatch did not take it.
    Refused,
}

/// One name, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Of the dashboard or alarm.
    pub name: String,
    /// What was done, or with [`How::dry_run`] would be.
    pub became: Became,
    /// Where it was different.
    pub differences: Vec<String>,
    /// What CloudWatch says about it, whether it took it or not.
    pub complaints: Vec<Complaint>,
}

/// What CloudWatch says about a dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// The widget, by number and title, as far as it is named.
    pub widget: Option<String>,
    /// The place in the body.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// Makes the account what it should be; `told` hears of each name when it is done.
///
/// # Errors
/// [`Failed::Invalid`] before anything is sent; otherwise what is in the way of going on.
pub async fn apply(
    account: &Account,
    wanted: &Wanted,
    how: How<'_>,
    told: &mut (dyn FnMut(&Change) + Send),
) -> Result<(), Failed> {
    match wanted {
        Wanted::Dashboards(boards) => Box::pin(boards::apply(account, boards, how, told)).await,
        Wanted::Alarms(alarms) => Box::pin(alarms::apply(account, alarms, how, told)).await,
    }
}

// === impl How ===

impl std::fmt::Debug for How<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("How").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

// === impl Change ===

impl Change {
    fn new(name: &str, became: Became) -> Self {
        let (differences, complaints) = (Vec::new(), Vec::new());
        Self { name: name.to_owned(), became, differences, complaints }
    }

    /// By what is there; `None` when nothing is.
    fn between(name: &str, there: Option<&Value>, wanted: &Value) -> Self {
        let differences = there.map(|there| differ::between(there, wanted));
        let became = match &differences {
            None => Became::Created,
            Some(none) if none.is_empty() => Became::Unchanged,
            Some(_) => Became::Updated,
        };
        Self { differences: differences.unwrap_or_default(), ..Self::new(name, became) }
    }
}
