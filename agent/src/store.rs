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
    Parameters::new(&cloud, &setup.app, &setup.env).map_err(|error| problem(error.to_string()))
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

/// All that the store has for that application and environment.
///
/// # Errors
/// The same, and that the store does not answer or does not allow it.
#[cfg(feature = "aws")]
pub async fn layer(setup: &Setup, merged: &Merged) -> Result<Layer, Problem> {
    let store = Box::pin(open(setup, merged)).await?;
    let snapshot = Box::pin(store.load()).await.map_err(|error| problem(error.to_string()))?;
    Ok((store.prefix().to_owned(), snapshot.values()))
}

/// There is no store in this program.
///
/// # Errors
/// Always.
#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the same as with AWS")]
pub async fn layer(_: &Setup, _: &Merged) -> Result<Layer, Problem> {
    Err(problem("this program was built without AWS".to_owned()))
}

fn problem(says: String) -> Problem {
    let help = "the Parameter Store is asked because of --ssm or a command that changes it";
    Problem { key: String::new(), from: None, says, help: Some(help.to_owned()) }
}
