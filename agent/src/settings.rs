//! How the agent is set up: one table of keys, layers of values, one typed configuration.
//!
//! Enters: a file, parameters of the Parameter Store, the environment, flags; a later layer wins.
//! Leaves: a [`Config`] whose every value was checked, or all problems at once. Never: a key that
//! nobody reads; a secret in a problem, a listing or a debug form.

mod changes;
mod config;
mod document;
mod effect;
mod keys;
mod layers;
mod problem;
mod value;

#[cfg(test)]
mod tests;

pub use changes::Changes;
pub use config::{
    Access, AwsPlace, Backend, Client, Config, Gateway, MemoryPlace, ModelEntry, Models, Place,
    Served, Server, Telemetry,
};
pub use document::document;
pub use keys::{KEYS, Key};
pub use layers::{Given, Merged, Source};
pub use problem::{Problem, Problems};
pub use value::Kind;

/// The path under which the Parameter Store keeps what belongs to an application and its
/// environment.
#[must_use]
pub fn prefix(app: &str, env: &str) -> String {
    format!("/app/{app}/{env}/")
}
