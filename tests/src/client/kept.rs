//! A caller that keeps its connection.
//!
//! In: requests, one after the other. Out: whole answers. It opens another connection only between
//! two requests, when the gateway has closed the one it had; it never repeats a request.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use tokio::time::timeout;

use super::{Answer, Ask, Client, Driver, PATIENCE};

/// Someone who calls over one connection for as long as it lasts.
pub struct Kept {
    client: Client,
    line: Option<Line>,
}

struct Line {
    sender: SendRequest<Full<Bytes>>,
    _driver: Driver,
}

// === impl Kept ===

impl Kept {
    pub(super) const fn new(client: Client) -> Self {
        Self { client, line: None }
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// When there is no HTTP answer in time.
    pub async fn send(&mut self, ask: Ask) -> Result<Answer> {
        let request = self.client.request(ask)?;
        let exchange = async {
            let line = self.line().await?;
            let response = line.sender.send_request(request).await.context("waiting for a head")?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.context("reading the body")?.to_bytes();
            anyhow::Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        timeout(PATIENCE, Box::pin(exchange)).await.context("no answer in time")?
    }

    /// The connection, a new one if there is none that takes a request.
    async fn line(&mut self) -> Result<&mut Line> {
        let mut line = self.line.take();
        if let Some(old) = &mut line
            && old.sender.ready().await.is_err()
        {
            line = None;
        }
        let line = match line {
            Some(line) => line,
            None => Line::open(&self.client).await?,
        };
        Ok(self.line.insert(line))
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({:?})", self.client.address)
    }
}

// === impl Line ===

impl Line {
    async fn open(client: &Client) -> Result<Self> {
        let (sender, driver) = client.line().await?;
        Ok(Self { sender, _driver: driver })
    }
}
