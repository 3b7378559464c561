//! The servers by their paths (ADR 25).
//!
//! Enters: the path of a request. Leaves: what is meant: the gateway as a whole, one of its servers,
//! the RFC 9728 document of either, or nothing. Never: a list of names for whoever asks.

use std::collections::HashMap;
use std::sync::Arc;

use toolgate_call::Server;

/// Where MCP is served.
const MCP: &str = "/mcp";
/// Below which RFC 9728 metadata is served: for the path of the resource, and at the root for older
/// clients.
const METADATA: &str = "/.well-known/oauth-protected-resource";

/// The configured servers by name.
#[derive(Clone, Debug, Default)]
pub struct Servers(Arc<HashMap<Arc<str>, Arc<Server>>>);

/// What a path means; the server is `None` for the gateway as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// MCP.
    Mcp(Option<Arc<Server>>),
    /// The metadata document.
    Document(Option<Arc<Server>>),
    /// A server that is not there.
    Nobody,
    /// Nothing.
    Nowhere,
}

impl FromIterator<Arc<Server>> for Servers {
    fn from_iter<I: IntoIterator<Item = Arc<Server>>>(servers: I) -> Self {
        let named = servers.into_iter().map(|server| (Arc::clone(&server.name), server));
        Self(Arc::new(named.collect()))
    }
}

// === impl Servers ===

impl Servers {
    /// What is at that path.
    pub(crate) fn at(&self, path: &str) -> Place {
        if path == MCP {
            return Place::Mcp(None);
        }
        if let Some(name) = below(path, MCP) {
            return self
                .0
                .get(name)
                .map_or(Place::Nobody, |server| Place::Mcp(Some(Arc::clone(server))));
        }
        let Some(resource) = path.strip_prefix(METADATA) else { return Place::Nowhere };
        if resource.is_empty() || resource == MCP {
            return Place::Document(None);
        }
        let server = below(resource, MCP).and_then(|name| self.0.get(name));
        server.map_or(Place::Nowhere, |server| Place::Document(Some(Arc::clone(server))))
    }
}

/// The one segment below a path.
fn below<'a>(path: &'a str, parent: &str) -> Option<&'a str> {
    path.strip_prefix(parent)?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    //! What is where.

    use std::sync::Arc;

    use toolgate_call::{Scopes, Server};

    use super::{Place, Servers};

    #[test]
    fn each_server_has_a_path_and_a_document_and_no_other() {
        let server =
            |name: &str, number| Server { name: name.into(), number, scopes: Scopes::default() };
        let servers: Servers = [server("a", 0), server("b", 1)].map(Arc::new).into_iter().collect();
        let meant = |path: &str| match servers.at(path) {
            Place::Mcp(server) => format!("mcp {:?}", server.map(|server| server.number)),
            Place::Document(server) => format!("document {:?}", server.map(|server| server.number)),
            Place::Nobody => "nobody".to_owned(),
            Place::Nowhere => "nowhere".to_owned(),
        };
        for (path, meaning) in [
            ("/mcp", "mcp None"),
            ("/mcp/a", "mcp Some(0)"),
            ("/mcp/b", "mcp Some(1)"),
            ("/mcp/", "nobody"),
            ("/mcp/c", "nobody"),
            ("/mcp/a/", "nobody"),
            ("/mcp/%61", "nobody"),
            ("/mcpa", "nowhere"),
            ("/", "nowhere"),
            ("/.well-known/oauth-protected-resource", "document None"),
            ("/.well-known/oauth-protected-resource/mcp", "document None"),
            ("/.well-known/oauth-protected-resource/mcp/b", "document Some(1)"),
            ("/.well-known/oauth-protected-resource/mcp/c", "nowhere"),
            ("/.well-known/oauth-protected-resource/b", "nowhere"),
        ] {
            assert_eq!(meant(path), meaning, "{path}");
        }
    }
}
