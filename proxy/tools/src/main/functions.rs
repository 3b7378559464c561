//! The functions that the tools are made for.
//!
//! Enters: nothing. Leaves: each with its memory, its time and its environment, and the definitions of its tools as
//! a target of AgentCore Gateway or of this one takes them. Never: a function that Lambda ends before its tools
//! have given up, so that a failure is told.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;
use serde_json::{Map, Value};
use toolgate_tools::{SEPARATOR, Sets, aws_docs, prometheus, web_search};

/// What Lambda gives a function beyond the time of its slowest tool.
const MARGIN: Duration = Duration::from_secs(5);
/// What an operator has to put in.
const PROMETHEUS: &str = "https://prometheus.example.com";
/// The same of a cluster.
#[cfg(feature = "aws")]
const CLUSTER: &str = "production";

/// One function.
#[derive(Debug, Serialize)]
pub(crate) struct Function {
    name: &'static str,
    runtime: &'static str,
    architecture: &'static str,
    handler: &'static str,
    memory_mb: u32,
    timeout_s: u64,
    environment: Map<String, Value>,
    tools: Vec<Value>,
}

/// What is not the same for all: the tools that are taken (none: all), and the memory, which is the article's.
type Shape = (&'static str, &'static [&'static str], u32);

const OF_PROMETHEUS: [Shape; 3] = [
    ("prometheus-query", &["query"], 256),
    ("prometheus-range-query", &["range_query"], 512),
    ("prometheus-discovery", &["list_metrics", "labels", "series", "metadata", "server_info"], 256),
];

/// All of them.
///
/// # Errors
/// A tool that is not there any more.
pub(crate) fn all() -> anyhow::Result<Vec<Function>> {
    let search =
        web_search::Config { engine: web_search::Engine::DuckDuckGo, url: None, credentials: None };
    let search = Sets::default().with("search", web_search::toolset(search)?);
    let docs = aws_docs::Config { url: None, hosts: Vec::new() };
    let docs = Sets::default().with("aws_docs", aws_docs::toolset(docs)?);
    let prom = prometheus::Config { url: PROMETHEUS.to_owned(), credentials: None };
    let prom = Sets::default().with("prometheus", prometheus::toolset(prom)?);
    let mut all = vec![
        function(("web-search", &[], 256), &search, ("TOOLGATE_WEB_SEARCH", "duckduckgo"))?,
        function(("aws-docs", &[], 256), &docs, ("TOOLGATE_AWS_DOCS", "true"))?,
    ];
    for shape in OF_PROMETHEUS {
        all.push(function(shape, &prom, ("TOOLGATE_PROMETHEUS", PROMETHEUS))?);
    }
    #[cfg(feature = "aws")]
    all.extend(of_aws()?);
    Ok(all)
}

#[cfg(feature = "aws")]
fn of_aws() -> anyhow::Result<Vec<Function>> {
    use toolgate_tools::{aws, aws_core, cloudwatch, eks, k8s};

    let place = || aws::Config { region: None, endpoint: None };
    let amp = prometheus::AmpConfig { aws: place(), workspace: None };
    let amp = Sets::default().with("amp", prometheus::amp_toolset(amp)?);
    let logs = Sets::default().with("cloudwatch", cloudwatch::toolset(place())?);
    let core = Sets::default().with("aws_core", aws_core::toolset(place())?);
    let clusters = Sets::default().with("eks", eks::toolset(place())?);
    let cluster = k8s::Config {
        cluster: k8s::Cluster::Eks(CLUSTER.to_owned()),
        region: None,
        endpoint: None,
        allow_mutations: false,
    };
    let pods = Sets::default().with("k8s", k8s::toolset(&cluster)?);
    Ok(vec![
        function(("amp", &[], 512), &amp, ("TOOLGATE_AMP", "true"))?,
        function(("cloudwatch", &[], 512), &logs, ("TOOLGATE_CLOUDWATCH", "true"))?,
        function(("aws-core", &[], 256), &core, ("TOOLGATE_AWS_CORE", "true"))?,
        function(("eks", &[], 256), &clusters, ("TOOLGATE_EKS", "true"))?,
        function(("k8s", &[], 512), &pods, ("TOOLGATE_EKS_CLUSTER", CLUSTER))?,
    ])
}

fn function(
    (name, tools, memory_mb): Shape,
    sets: &Sets,
    (variable, value): (&str, &str),
) -> anyhow::Result<Function> {
    let mut environment = Map::new();
    environment.insert(variable.to_owned(), value.into());
    let own = |full: &str| tools.iter().any(|tool| full.ends_with(&format!("{SEPARATOR}{tool}")));
    let names: Vec<String> = sets.names().filter(|full| tools.is_empty() || own(full)).collect();
    if !tools.is_empty() {
        if names.len() != tools.len() {
            return Err(anyhow!("{name} is made for tools that are gone: {tools:?}"));
        }
        environment.insert("TOOLGATE_TOOLS".to_owned(), names.join(",").into());
    }
    let only = sets.clone().only(&names).map_err(|name| anyhow!("there is no {name}"))?;
    Ok(Function {
        name,
        runtime: "provided.al2023",
        architecture: "arm64",
        handler: "bootstrap",
        memory_mb,
        timeout_s: (only.longest() + MARGIN).as_secs(),
        environment,
        tools: only.definitions().into_iter().map(bare).collect(),
    })
}

/// Whoever calls the function puts the name of its target in front.
fn bare(mut definition: Value) -> Value {
    if let Some(Value::String(name)) = definition.get_mut("name")
        && let Some((_, tool)) = name.split_once(SEPARATOR)
    {
        *name = tool.to_owned();
    }
    definition
}

/// One line for each.
pub(crate) fn text(functions: &[Function]) -> String {
    let mut text = format!("{:24} {:>7} {:>6}  environment", "function", "memory", "time");
    for function in functions {
        let environment: Vec<String> = function
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
            .collect();
        let Function { name, memory_mb, timeout_s, .. } = function;
        let _written = write!(
            text,
            "\n{name:24} {memory_mb:>4} MB {timeout_s:>4} s  {}",
            environment.join(" ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    //! What may be deployed.

    use std::collections::HashSet;

    use super::{all, text};

    #[test]
    fn every_function_outlives_its_tools_and_has_those_that_it_is_made_for() {
        let functions = all().unwrap();
        let names: HashSet<&str> = functions.iter().map(|function| function.name).collect();
        assert_eq!(names.len(), functions.len());
        for function in &functions {
            // A model waits for no function longer than for two minutes; none of ours has less than its tools.
            assert!((20..=120).contains(&function.timeout_s), "{function:?}");
            assert!([256, 512].contains(&function.memory_mb), "{function:?}");
            assert!(!function.tools.is_empty(), "{function:?}");
            for tool in &function.tools {
                let name = tool["name"].as_str().unwrap();
                assert!(!name.contains("___") && tool["inputSchema"]["type"] == "object", "{tool}");
            }
        }
        let range = functions.iter().find(|function| function.name == "prometheus-range-query");
        let range = range.unwrap();
        assert_eq!((range.timeout_s, range.memory_mb, range.tools.len()), (65, 512, 1));
        assert_eq!(range.environment["TOOLGATE_TOOLS"], "prometheus___range_query");
        assert_eq!(text(&functions).lines().count(), functions.len() + 1);
    }
}
