//! The same for whoever calls a gateway and has only the body of a call.
//!
//! Enters: the schema of a tool, and the message of a call. Leaves: the headers that repeat its
//! arguments. Never: a judgement about headers that are there already.

use bytes::Bytes;
use serde_json::value::RawValue;
use toolgate_call::{Frame, FrameParts};

use super::{Mirror, mirrored, read};

/// The arguments of a tool that its callers repeat in headers (`Mcp-Param-*`).
#[derive(Clone, Debug)]
pub struct HeaderParams(Vec<Mirror>);

// === impl HeaderParams ===

impl HeaderParams {
    /// Those of an `inputSchema`; `None` if there are none, or none that can be sent.
    #[must_use]
    pub fn of(schema: &RawValue) -> Option<Self> {
        let mirrors = read(schema).ok()?;
        (!mirrors.is_empty()).then_some(Self(mirrors))
    }

    /// What stands behind `Mcp-Param-` and what it says, for a call with that message. Of a message
    /// that cannot be read, nothing.
    #[must_use]
    pub fn of_call(&self, message: &Bytes) -> Vec<(String, String)> {
        let frame = Frame::new(message.clone(), FrameParts::default());
        let found = mirrored(&self.0, &frame, &[], false).unwrap_or_default();
        let said = found.into_iter().filter_map(|said| Some((said.name, said.value?)));
        said.map(|(name, value)| (name.into_string(), value.into_string())).collect()
    }
}
