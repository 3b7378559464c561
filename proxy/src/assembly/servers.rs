//! Configured servers become parts of the gateway (ADR 25).
//!
//! Enters: their configuration. Leaves: what the path, the registry and authentication must know of
//! each, under one number. Never: a target; servers look at those of the gateway.

use std::sync::Arc;

use toolgate_admit::authn::ServerAuth;
use toolgate_call::Server;
use toolgate_mcp::{Selection, ServerSpec, Views};

use super::search;
use crate::config::{self, Config};

/// What the registry is told.
pub(crate) fn views(config: &Config) -> Views {
    let servers = config.servers.iter().enumerate().map(|(number, server)| spec(number, server));
    Views {
        prefix: super::prefix(config.prefix),
        search: search::published(config.search),
        budget: config.warn_tokens,
        finder: None,
        servers: servers.collect(),
    }
}

fn spec(number: usize, server: &config::Server) -> ServerSpec {
    ServerSpec {
        server: Arc::new(Server {
            name: Arc::from(&*server.name),
            number,
            scopes: server.scopes.iter().map(String::as_str).collect(),
        }),
        selection: Arc::new(Selection {
            targets: server.targets.iter().map(|target| Arc::from(&**target)).collect(),
            tools: server.tools.clone(),
            prompts: server.prompts.clone(),
            resources: server.resources.clone(),
        }),
        prefix: super::prefix(server.prefix),
        search: search::published(server.search),
        budget: server.warn_tokens,
        instructions: server.instructions.clone(),
    }
}

/// What callers are told: each server is a resource of its own (RFC 9728 section 3).
pub(super) fn resources(config: &Config, public: &str) -> Vec<ServerAuth> {
    let resource = |server: &config::Server| ServerAuth {
        resource: format!("{public}/mcp/{}", server.name),
        metadata_url: format!("{public}/.well-known/oauth-protected-resource/mcp/{}", server.name),
        scopes: server.scopes.iter().map(String::as_str).collect(),
    };
    config.servers.iter().map(resource).collect()
}
