//! The crate mcp-proxy as a subject: the peer nearest in kind.
//!
//! In: the common ground. Out: a running mcp-proxy that checks a token, records metrics and
//! writes a line per call, as the gateway does. It demands its own URL as the token's audience, so it gets a token of its own.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::process::Command;

use crate::child::Child;
use crate::cli::Options;
use crate::ground::{Ground, SCOPE, free_address, installed};
use crate::mcp::Door;

/// Backend name, separator, tool.
const FEDERATED: &str = "stub/echo";
const INSTALL: &str = "`cargo install mcp-proxy --version 0.6.0 --locked --no-default-features \
                       --features metrics,oauth,yaml,protocol-2026-07-28`";

/// Starts mcp-proxy; it may not be ready yet.
pub(crate) fn start(ground: &Ground, options: &Options) -> Result<(Option<Child>, Door)> {
    let binary = installed(&options.mcp_proxy, "--mcp-proxy", INSTALL)?;
    let listen = free_address()?;
    let audience = format!("http://{listen}");
    let config = ground.scratch.write("mcp-proxy.toml", &config(ground, listen, &audience))?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(config);
    let child = Child::start("mcp-proxy", &mut command, &ground.scratch)?;
    let mut claims = ground.issuer.claims(&[SCOPE]);
    let object = claims.as_object_mut().context("claims are an object")?;
    object.insert("aud".to_owned(), json!(audience));
    let bearer = ground.issuer.mint(claims);
    Ok((Some(child), Door { tool: FEDERATED, path: "/", bearer, ..ground.door(listen) }))
}

fn config(ground: &Ground, listen: SocketAddr, audience: &str) -> String {
    let (ip, port) = (listen.ip(), listen.port());
    let (issuer, jwks) = (ground.issuer.url(), ground.issuer.jwks_url());
    let stub = ground.stub;
    format!(
        "[proxy]
name = \"load\"

[proxy.listen]
host = \"{ip}\"
port = {port}

[auth]
type = \"jwt\"
issuer = \"{issuer}\"
audience = \"{audience}\"
jwks_uri = \"{jwks}\"

[security]
admin_token = \"load\"

[observability]
audit = true
log_level = \"info\"

[observability.metrics]
enabled = true

[[backends]]
name = \"stub\"
transport = \"http\"
url = \"http://{stub}/mcp\"

[backends.timeout]
seconds = 60
"
    )
}
