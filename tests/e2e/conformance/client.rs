//! The gateway in the role of a client: the suite plays the server, and judges what reaches it.
//!
//! Not tried: `auth/*`, for the gateway does not log in to its targets by OAuth in a browser's way,
//! and the extension of skills, which is not offered.

use anyhow::Result;
use toolgate_tests::process::binary;

use super::suite::{CLIENT_MODERN, CLIENT_OLDER, Suite};
use crate::peers::driver::installed;

/// Of 2025-11-25.
const OLDER: [&str; 5] = [
    "initialize",
    "tools_call",
    "elicitation-sep1034-client-defaults",
    "sse-retry",
    "json-schema-2020-12-preservation",
];
/// Of 2026-07-28.
const MODERN: [&str; 8] = [
    "tools_call",
    "request-metadata",
    "http-standard-headers",
    "http-custom-headers",
    "http-invalid-tool-headers",
    "sep-2322-client-request-state",
    "json-schema-ref-no-deref",
    "json-schema-2020-12-preservation",
];

#[tokio::test]
async fn the_gateway_is_a_client_of_the_older_revision() -> Result<()> {
    is_a_client(CLIENT_OLDER, &OLDER).await
}

#[tokio::test]
async fn the_gateway_is_a_client_of_the_modern_revision() -> Result<()> {
    is_a_client(CLIENT_MODERN, &MODERN).await
}

async fn is_a_client(suite: Suite, scenarios: &[&str]) -> Result<()> {
    installed()?;
    let command = binary("conformance-client", "toolgate-tests")?;
    suite.client(&command.display().to_string(), scenarios).await
}
