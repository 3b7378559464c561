//! What a refusal must say, everywhere it is said.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::Answer;
use toolgate_tests::gateway::Gateway;

/// One refusal as the caller, the access log and the metrics must all tell it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: i64,
    /// A part of the sentence.
    pub(crate) says: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) blame: &'static str,
    pub(crate) retry_safe: bool,
}

/// Nobody needs a token here.
pub(crate) const OPEN: &str = "auth: { anonymous: true }\n";

impl Refused {
    /// A failure of a target: HTTP 200 and -32603.
    pub(crate) const fn target(
        reason: &'static str,
        blame: &'static str,
        retry_safe: bool,
        says: &'static str,
    ) -> Self {
        Self { status: 200, code: -32603, says, reason, blame, retry_safe }
    }

    /// A caller's mistake: never worth repeating.
    pub(crate) const fn caller(
        status: u16,
        code: i64,
        reason: &'static str,
        says: &'static str,
    ) -> Self {
        Self { status, code, says, reason, blame: "caller", retry_safe: false }
    }

    /// Checks the answer, the access-log line of the call, and that the metrics have counted it.
    pub(crate) async fn check(&self, gateway: &Gateway, answer: &Answer) -> Result<Value> {
        let error = self.told(answer)?;
        self.logged(gateway, answer).await?;
        self.counted(gateway).await?;
        Ok(error)
    }

    /// What the caller reads.
    pub(crate) fn told(&self, answer: &Answer) -> Result<Value> {
        let message = answer.message()?;
        let shown = format!("{self:?} but {} {message}", answer.status);
        ensure!(answer.status == self.status, "status: {shown}");
        let error = message.get("error").with_context(|| format!("no error: {shown}"))?;
        let data = &error["data"];
        ensure!(error["code"] == self.code, "code: {shown}");
        let sentence = error["message"].as_str().unwrap_or_default();
        ensure!(sentence.contains(self.says), "sentence: {shown}");
        ensure!(data["reason"] == self.reason, "reason: {shown}");
        ensure!(data["blame"] == self.blame, "blame: {shown}");
        ensure!(data["retry_safe"] == self.retry_safe, "retry_safe: {shown}");
        let id = answer.header("x-request-id").context("no X-Request-Id")?;
        ensure!(data["request_id"] == id, "request_id: {shown}");
        Ok(error.clone())
    }

    async fn logged(&self, gateway: &Gateway, answer: &Answer) -> Result<()> {
        let line = gateway.line_of(answer).await?;
        let said = json!([
            line["status"],
            line["outcome"],
            line["reason"],
            line["blame"],
            line["retry_safe"]
        ]);
        let expected = json!([self.status, self.blame, self.reason, self.blame, self.retry_safe]);
        ensure!(said == expected, "logged {line}, expected {expected}");
        Ok(())
    }

    async fn counted(&self, gateway: &Gateway) -> Result<()> {
        let metrics = gateway.metrics().await?;
        let by_reason = metrics
            .sum("mcp_server_operation_duration_seconds_count", &[("error_type", self.reason)]);
        let by_blame = metrics.sum("toolgate_requests_total", &[("outcome", self.blame)]);
        ensure!(by_reason >= 1.0 && by_blame >= 1.0, "{self:?} is not in the metrics");
        Ok(())
    }
}

/// Checks a good answer, and that its line says so.
pub(crate) async fn fine(gateway: &Gateway, answer: &Answer) -> Result<Value> {
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    let result = answer.result()?;
    let line = gateway.line_of(answer).await?;
    ensure!(line["outcome"] == "ok" && line["reason"].is_null(), "logged {line}");
    Ok(result)
}
