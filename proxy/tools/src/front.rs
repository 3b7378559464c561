//! The tools as an MCP server of their own, of both eras.
//!
//! Enters: MCP over standard input or HTTP. Leaves: the same definitions and replies that the
//! gateway gives. Never: authentication; who reaches it may use it, so it listens on this machine
//! unless it is told the names that it is called by.

mod handler;
mod http;
mod lambda;
mod telling;

use std::net::SocketAddr;

use anyhow::Context as _;
use rmcp::ServiceExt as _;

use crate::sets::Sets;
use handler::Handler;
pub use lambda::{RUNTIME_API, lambda};

/// Serves on standard input and output until the input ends.
///
/// # Errors
/// No handshake, or a broken stream.
pub async fn stdio(sets: Sets) -> anyhow::Result<()> {
    let handler = Handler::new(sets)?;
    let running = Box::pin(handler.serve(rmcp::transport::stdio()));
    running.await.context("no MCP client on standard input")?.waiting().await?;
    Ok(())
}

/// A server over HTTP that listens already.
#[derive(Debug)]
pub struct Listening(http::Server);

impl Listening {
    /// Listens at an address. `hosts` are the names by which others call it; without any it must be
    /// an address of this machine only.
    ///
    /// # Errors
    /// The address cannot be had, or others can reach it and `hosts` is empty.
    pub async fn at(address: SocketAddr, hosts: &[String], sets: Sets) -> anyhow::Result<Self> {
        Ok(Self(http::Server::bind(address, hosts, Handler::new(sets)?).await?))
    }

    /// Its URL.
    ///
    /// # Errors
    /// The socket has no address any more.
    pub fn url(&self) -> anyhow::Result<String> {
        self.0.url()
    }

    /// Serves until the future is dropped.
    ///
    /// # Errors
    /// No more connections can be accepted.
    pub async fn serve(self) -> anyhow::Result<()> {
        self.0.serve().await
    }
}

#[cfg(test)]
mod tests;
