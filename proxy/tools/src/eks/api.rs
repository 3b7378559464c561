//! The API of EKS, as far as it is read here (Amazon EKS API Reference, "Actions").
//!
//! Enters: names. Leaves: what EKS says of a cluster and its parts, all pages, several at a time.
//! Never: a name that could mean another path, or more requests at once than a few.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aws::{Aws, Client, Service};
use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::upstream::encoded;

/// Descriptions that are asked for at once.
const AT_ONCE: usize = 8;
/// Pages of the names of one kind of parts; each has 100 at most.
const MOST_PAGES: usize = 10;
/// Parts of one kind that are described.
pub(super) const MOST_PARTS: usize = 100;

/// EKS in one region.
#[derive(Debug)]
pub(crate) struct Eks(Client);

/// A cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(super) arn: Option<String>,
    pub(super) version: Option<String>,
    pub(super) platform_version: Option<String>,
    pub(super) created_at: Option<f64>,
    pub(crate) endpoint: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) resources_vpc_config: Option<Network>,
    pub(super) logging: Option<Logging>,
    pub(crate) certificate_authority: Option<Authority>,
    #[serde(default)]
    pub(super) encryption_config: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(super) health: Health,
}

/// Who signs the cluster's certificate.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Authority {
    /// PEM in base64.
    #[serde(default)]
    pub(crate) data: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Network {
    pub(super) vpc_id: Option<String>,
    #[serde(default)]
    pub(super) subnet_ids: Vec<String>,
    #[serde(default)]
    pub(super) endpoint_public_access: bool,
    #[serde(default)]
    pub(super) endpoint_private_access: bool,
    #[serde(default)]
    pub(super) public_access_cidrs: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Logging {
    #[serde(default)]
    pub(super) cluster_logging: Vec<LogSetup>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct LogSetup {
    #[serde(default)]
    pub(super) types: Vec<String>,
    #[serde(default)]
    pub(super) enabled: bool,
}

/// What EKS itself holds against a cluster or a part of one.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Health {
    #[serde(default)]
    pub(super) issues: Vec<Issue>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Issue {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

/// A group of nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeGroup {
    pub(super) nodegroup_name: String,
    pub(super) status: String,
    pub(super) version: Option<String>,
    pub(super) capacity_type: Option<String>,
    pub(super) ami_type: Option<String>,
    #[serde(default)]
    pub(super) instance_types: Vec<String>,
    pub(super) scaling_config: Option<Scaling>,
    #[serde(default)]
    pub(super) health: Health,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scaling {
    pub(super) min_size: Option<u32>,
    pub(super) max_size: Option<u32>,
    pub(super) desired_size: Option<u32>,
}

/// Which pods run on Fargate.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fargate {
    pub(super) fargate_profile_name: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) selectors: Vec<Selector>,
    #[serde(default)]
    pub(super) health: Health,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Selector {
    #[serde(default)]
    pub(super) namespace: String,
}

/// An add-on.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Addon {
    pub(super) addon_name: String,
    pub(super) status: String,
    pub(super) addon_version: Option<String>,
    #[serde(default)]
    pub(super) health: Health,
}

/// A cluster with all that belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) cluster: Cluster,
    pub(super) node_groups: Vec<NodeGroup>,
    pub(super) fargate: Vec<Fargate>,
    pub(super) addons: Vec<Addon>,
    /// Whether there are more parts than are described.
    pub(super) truncated: bool,
    /// Kinds of parts that this gateway may not read; nothing is known of them.
    pub(super) unread: Vec<Unread>,
}

/// A kind of parts that may not be read.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    pub(super) kind: Kind,
    pub(super) error: ToolError,
}

/// Parts, and whether there are more than those; or why they may not be read.
type Parts<T> = Result<(Vec<T>, bool), ToolError>;

/// A kind of parts.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    NodeGroups,
    FargateProfiles,
    Addons,
}

/// Where the names of parts of a kind are, and where one of them is.
struct Place {
    path: &'static str,
    list: &'static str,
    one: &'static str,
}

#[derive(Deserialize)]
struct One {
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    clusters: Vec<String>,
    next_token: Option<String>,
}

// === impl Eks ===

impl Eks {
    pub(crate) fn new(aws: &Arc<Aws>) -> Self {
        Self(Client::new(aws, Service::EKS))
    }

    /// A page of names, and the token of the next one.
    pub(super) async fn names(
        &self,
        most: u32,
        token: Option<&str>,
        context: &Context,
    ) -> Result<(Vec<String>, Option<String>), ToolError> {
        let most = most.to_string();
        let mut fields = vec![("maxResults", most.as_str())];
        fields.extend(token.map(|token| ("nextToken", token)));
        let Names { clusters, next_token } = self.0.get("/clusters", &fields, context).await?;
        Ok((clusters, next_token.filter(|token| !token.is_empty())))
    }

    /// Those of the named clusters that are still there, in that order.
    pub(super) async fn clusters(
        &self,
        names: Vec<String>,
        context: &Context,
    ) -> Result<Vec<Cluster>, ToolError> {
        let each = stream::iter(names).map(async |name| match self.cluster(&name, context).await {
            Ok(cluster) => Ok(Some(cluster)),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        let found: Vec<Option<Cluster>> = each.buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// A cluster.
    pub(crate) async fn cluster(
        &self,
        name: &str,
        context: &Context,
    ) -> Result<Cluster, ToolError> {
        let path = format!("/clusters/{}", encoded(name));
        let One { cluster } = self.0.get(&path, &[], context).await?;
        Ok(cluster)
    }

    /// A cluster and its parts; a kind that this gateway may not read is told of as such.
    pub(super) async fn readable(&self, name: &str, context: &Context) -> Result<Whole, ToolError> {
        let (cluster, groups, fargate, addons) = tokio::try_join!(
            self.cluster(name, context),
            self.permitted::<NodeGroup>(name, Kind::NodeGroups, context),
            self.permitted::<Fargate>(name, Kind::FargateProfiles, context),
            self.permitted::<Addon>(name, Kind::Addons, context),
        )?;
        let mut unread = Vec::new();
        let (node_groups, more_groups) = known(groups, Kind::NodeGroups, &mut unread);
        let (fargate, more_fargate) = known(fargate, Kind::FargateProfiles, &mut unread);
        let (addons, more_addons) = known(addons, Kind::Addons, &mut unread);
        let truncated = more_groups || more_fargate || more_addons;
        Ok(Whole { cluster, node_groups, fargate, addons, truncated, unread })
    }

    /// The same, of which nothing may be missing.
    pub(super) async fn whole(&self, name: &str, context: &Context) -> Result<Whole, ToolError> {
        let mut whole = Box::pin(self.readable(name, context)).await?;
        match whole.unread.pop() {
            Some(unread) => Err(unread.error),
            None => Ok(whole),
        }
    }

    /// The parts of a kind. That they may not be read ends nothing; any other failure does.
    async fn permitted<T: DeserializeOwned + Send>(
        &self,
        cluster: &str,
        kind: Kind,
        context: &Context,
    ) -> Result<Parts<T>, ToolError> {
        match self.parts(cluster, &kind.place(), context).await {
            Err(error) if error.code() != Code::Denied => Err(error),
            told => Ok(told),
        }
    }

    /// All parts of a kind, and whether there are more than that.
    async fn parts<T: DeserializeOwned + Send>(
        &self,
        cluster: &str,
        place: &Place,
        context: &Context,
    ) -> Parts<T> {
        let base = format!("/clusters/{}/{}", encoded(cluster), place.path);
        let (mut names, mut token) = (Vec::<String>::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut fields = vec![("maxResults", "100")];
            fields.extend(token.as_deref().map(|token| ("nextToken", token)));
            let mut page: serde_json::Map<String, serde_json::Value> =
                self.0.get(&base, &fields, context).await?;
            names.extend(read::<Vec<String>>(&mut page, place.list)?);
            token = read::<Option<String>>(&mut page, "nextToken")?.filter(|t| !t.is_empty());
            if token.is_none() || names.len() > MOST_PARTS {
                break;
            }
        }
        let truncated = token.is_some() || names.len() > MOST_PARTS;
        names.truncate(MOST_PARTS);
        let each = stream::iter(names).map(async |name| {
            let path = format!("{base}/{}", encoded(&name));
            let mut page = self.0.get(&path, &[], context).await?;
            read::<T>(&mut page, place.one)
        });
        Ok((each.buffered(AT_ONCE).try_collect().await?, truncated))
    }

    /// AWS itself.
    pub(crate) fn aws(&self) -> &Arc<Aws> {
        self.0.aws()
    }
}

// === impl Kind ===

impl Kind {
    /// In words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::NodeGroups => "node groups",
            Self::FargateProfiles => "Fargate profiles",
            Self::Addons => "add-ons",
        }
    }

    const fn place(self) -> Place {
        let (path, list, one) = match self {
            Self::NodeGroups => ("node-groups", "nodegroups", "nodegroup"),
            Self::FargateProfiles => ("fargate-profiles", "fargateProfileNames", "fargateProfile"),
            Self::Addons => ("addons", "addons", "addon"),
        };
        Place { path, list, one }
    }
}

/// What is known of a kind; why nothing is goes to `unread`.
fn known<T>(told: Parts<T>, kind: Kind, unread: &mut Vec<Unread>) -> (Vec<T>, bool) {
    told.unwrap_or_else(|error| {
        unread.push(Unread { kind, error });
        (Vec::new(), false)
    })
}

/// A member of an answer; one that may be absent is none.
fn read<T: DeserializeOwned>(
    page: &mut serde_json::Map<String, serde_json::Value>,
    name: &str,
) -> Result<T, ToolError> {
    let member = page.remove(name).unwrap_or_default();
    serde_json::from_value(member).map_err(|error| {
        let message = format!("Amazon EKS answered what cannot be read: `{name}`: {error}");
        let service = Service::EKS.name.to_owned();
        let source = crate::error::Source { service, ..crate::error::Source::default() };
        ToolError::new(Code::Garbled, message).caused_by(source)
    })
}
