//! The objects of Kubernetes, as far as they are read here (API reference, `core/v1`).
//!
//! Enters: JSON. Leaves: the members that tools tell of. Never: the environment, the command or the
//! annotations of a pod, which hold secrets.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct List<T> {
    #[serde(default)]
    pub(super) metadata: ListMeta,
    pub(super) items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMeta {
    #[serde(default)]
    pub(super) r#continue: String,
    pub(super) remaining_item_count: Option<u64>,
}

/// `ObjectMeta`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: String,
    pub(super) uid: Option<String>,
    pub(super) resource_version: Option<String>,
    pub(super) creation_timestamp: Option<String>,
    pub(super) deletion_timestamp: Option<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) owner_references: Vec<Owner>,
}

#[derive(Deserialize)]
pub(super) struct Owner {
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Pod {
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) spec: PodSpec,
    #[serde(default)]
    pub(super) status: PodStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) node_name: Option<String>,
    pub(super) service_account_name: Option<String>,
    #[serde(default)]
    pub(super) containers: Vec<Container>,
    #[serde(default)]
    pub(super) init_containers: Vec<Container>,
}

#[derive(Deserialize)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: Option<String>,
    #[serde(default)]
    pub(super) resources: Resources,
}

#[derive(Default, Deserialize)]
pub(super) struct Resources {
    #[serde(default)]
    pub(super) requests: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) limits: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodStatus {
    #[serde(default)]
    pub(super) phase: String,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    #[serde(rename = "podIP")]
    pub(super) pod_ip: Option<String>,
    pub(super) qos_class: Option<String>,
    #[serde(default)]
    pub(super) conditions: Vec<Condition>,
    #[serde(default)]
    pub(super) container_statuses: Vec<ContainerStatus>,
    #[serde(default)]
    pub(super) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Deserialize)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    #[serde(default)]
    pub(super) ready: bool,
    #[serde(default)]
    pub(super) restart_count: u32,
    #[serde(default)]
    pub(super) state: ContainerState,
    #[serde(default)]
    pub(super) last_state: ContainerState,
}

/// At most one is there.
#[derive(Default, Deserialize)]
pub(super) struct ContainerState {
    pub(super) waiting: Option<Waiting>,
    pub(super) running: Option<Running>,
    pub(super) terminated: Option<Terminated>,
}

#[derive(Deserialize)]
pub(super) struct Waiting {
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Running {
    pub(super) started_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Terminated {
    pub(super) exit_code: i32,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) finished_at: Option<String>,
}

// === impl List ===

impl<T> List<T> {
    /// The token of the next page, if there is one.
    pub(super) fn next(&self) -> Option<String> {
        Some(self.metadata.r#continue.clone()).filter(|token| !token.is_empty())
    }
}

// === impl Pod ===

impl Pod {
    /// What `kubectl get pods` calls its status: the most telling word that there is.
    pub(super) fn word(&self) -> String {
        let status = &self.status;
        if self.metadata.deletion_timestamp.is_some() {
            return "Terminating".to_owned();
        }
        if let Some(reason) = &status.reason {
            return reason.clone();
        }
        let init = status.init_container_statuses.iter().find_map(|one| {
            let ended = one.state.terminated.as_ref();
            let failed = ended.filter(|ended| ended.exit_code != 0);
            let why =
                failed.map(Terminated::word).or_else(|| one.state.waiting.as_ref()?.telling());
            why.map(|why| format!("Init:{why}"))
        });
        let main = || {
            status.container_statuses.iter().find_map(|one| {
                let waits = one.state.waiting.as_ref().and_then(|waits| waits.reason.clone());
                let ended = one.state.terminated.as_ref();
                waits.or_else(|| ended.filter(|ended| ended.exit_code != 0).map(Terminated::word))
            })
        };
        init.or_else(main).unwrap_or_else(|| status.phase.clone())
    }

    /// How many of its containers are ready, such as `1/2`.
    pub(super) fn ready(&self) -> String {
        let statuses = &self.status.container_statuses;
        let ready = statuses.iter().filter(|one| one.ready).count();
        format!("{ready}/{}", self.spec.containers.len().max(statuses.len()))
    }

    /// How often its containers were started again.
    pub(super) fn restarts(&self) -> u32 {
        self.status.container_statuses.iter().map(|one| one.restart_count).sum()
    }
}

impl Waiting {
    /// Its reason, unless it only waits for its turn.
    fn telling(&self) -> Option<String> {
        self.reason.clone().filter(|reason| reason != "PodInitializing")
    }
}

impl Terminated {
    fn word(&self) -> String {
        self.reason.clone().unwrap_or_else(|| format!("ExitCode:{}", self.exit_code))
    }
}
