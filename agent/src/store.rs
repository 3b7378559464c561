//! Settings of the Parameter Store.
//!
//! Enters: where AWS is by the other layers, an application and its environment. Leaves: a layer of
//! settings, or the store itself for those who change it. Never: a value in a problem.

use std::collections::BTreeMap;

use crate::cli::Setup;
use crate::settings::{Merged, Problem};

#[cfg(feature = "aws")]
pub use toolgate_agent_aws::{
    AgentCoreMemory, Change, Cloud, MemoryOptions, Parameters, Put, Snapshot,
};

/// A layer: the prefix of its names, and its values by their paths.
pub type Layer = (String, BTreeMap<String, String>);

/// The store of that application and environment, where the other layers say that AWS is.
///
/// # Errors
/// AWS is not found, or a name cannot be one.
#[cfg(feature = "aws")]
pub async fn open(setup: &Setup, merged: &Merged) -> Result<Parameters, Problem> {
    let cloud = Box::pin(cloud(merged)).await?;
    let store = Parameters::new(&cloud, &setup.app, &setup.env);
    let store = store.map_err(|error| problem(error.to_string()))?;
    let key = merged.get("aws/kms_key").filter(|(key, _)| !key.is_empty());
    Ok(match key {
        Some((key, _)) => store.sealed_with(key),
        None => store,
    })
}

/// AWS, where the other layers say that it is.
///
/// # Errors
/// It is not found.
#[cfg(feature = "aws")]
pub async fn cloud(merged: &Merged) -> Result<Cloud, Problem> {
    use toolgate_agent_aws::Place;
    let of =
        |key: &str| merged.get(key).map(|(text, _)| text.to_owned()).filter(|it| !it.is_empty());
    let place =
        Place { region: of("aws/region"), endpoint: of("aws/endpoint"), ..Place::default() };
    let cloud = Box::pin(Cloud::load(&place)).await;
    cloud.map_err(|error| problem(error.to_string()))
}

/// The store as a layer of settings, to be read again and again.
#[cfg(feature = "aws")]
#[derive(Clone, Debug)]
pub struct Store(Parameters);

/// There is no store in this program.
#[cfg(not(feature = "aws"))]
#[derive(Clone, Copy, Debug)]
pub enum Store {}

fn problem(says: String) -> Problem {
    let help = "the Parameter Store is asked because of --ssm or a command that changes it";
    Problem { key: String::new(), from: None, says, help: Some(help.to_owned()) }
}

// === impl Store ===

#[cfg(feature = "aws")]
impl Store {
    /// The store of that application and environment, where the other layers say that AWS is.
    ///
    /// # Errors
    /// AWS is not found, or a name cannot be one.
    pub async fn open(setup: &Setup, merged: &Merged) -> Result<Self, Problem> {
        Box::pin(open(setup, merged)).await.map(Self)
    }

    /// What its names begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.prefix()
    }

    /// All that it has.
    ///
    /// # Errors
    /// It does not answer or does not allow it.
    pub async fn layer(&self) -> Result<Layer, Problem> {
        let snapshot = Box::pin(self.0.load()).await.map_err(|error| problem(error.to_string()))?;
        Ok((self.0.prefix().to_owned(), snapshot.values()))
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the same as with AWS")]
impl Store {
    /// There is none.
    ///
    /// # Errors
    /// Always.
    pub async fn open(_: &Setup, _: &Merged) -> Result<Self, Problem> {
        Err(problem("this program was built without AWS".to_owned()))
    }

    /// There is none.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match *self {}
    }

    /// There is none.
    ///
    /// # Errors
    /// Never: there is nothing to ask.
    pub async fn layer(&self) -> Result<Layer, Problem> {
        match *self {}
    }
}
