//! Servers: what is written, in full.
//!
//! In: `servers` as written. Out: each complete, its targets in the order of
//! `targets`. It never invents a server.

use toolgate_mcp::Sieve;

use super::scopes;
use crate::config::file::{self, File};
use crate::config::resolved::{Server, Target};

pub(super) fn servers(file: &File, targets: &[Target]) -> Vec<Server> {
    let server = |(name, written): &(String, file::Server)| Server {
        name: name.clone(),
        targets: targets
            .iter()
            .filter(|target| written.targets.contains(&target.name))
            .map(|target| target.name.clone())
            .collect(),
        tools: sieve(written.tools.as_ref()),
        prompts: sieve(written.prompts.as_ref()),
        resources: sieve(written.resources.as_ref()),
        prefix: written.prefix.or(file.prefix).unwrap_or_default(),
        search: written.search.or(file.search).unwrap_or_default(),
        warn_tokens: tokens(written.definitions.as_ref().and_then(|own| own.warn_tokens))
            .or_else(|| warn_tokens(file)),
        scopes: scopes(&written.scopes),
        instructions: written.instructions.clone(),
    };
    file.servers.0.iter().map(server).collect()
}

/// What a whole list may weigh before that is told.
pub(super) fn warn_tokens(file: &File) -> Option<usize> {
    tokens(file.definitions.as_ref()?.warn_tokens)
}

/// What one target's list may weigh before it is refused.
pub(super) fn max_tokens(file: &File) -> Option<usize> {
    tokens(file.definitions.as_ref()?.max_tokens)
}

pub(super) fn tokens(written: Option<u32>) -> Option<usize> {
    written.and_then(|tokens| usize::try_from(tokens).ok())
}

fn sieve(written: Option<&file::Names>) -> Sieve {
    let Some(file::Names { allow, deny }) = written else { return Sieve::default() };
    Sieve {
        allow: allow.iter().map(|pattern| pattern.0.clone()).collect(),
        deny: deny.iter().map(|pattern| pattern.0.clone()).collect(),
    }
}
