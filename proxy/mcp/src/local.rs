//! What the gateway adds to results that it writes itself.
//!
//! Enters: the caller's era. Leaves: the members that 2026-07-28 requires of every result and that
//! earlier revisions do not have. Never: in a target's own result.

use bytes::{BufMut, BytesMut};
use toolgate_call::Era;

/// `resultType`, caching hints and `_meta` of a result (`basic/index`, `utilities/caching`).
#[derive(Clone, Debug)]
pub(crate) struct ModernFields {
    /// For how long the result is good, in milliseconds; `None`: not a result that is cached.
    pub(crate) ttl_ms: Option<u128>,
    /// The gateway's name and version, as JSON.
    pub(crate) server_info: String,
    /// More members of `_meta`, as JSON without braces.
    pub(crate) more_meta: Option<String>,
}

// === impl ModernFields ===

impl ModernFields {
    /// Writes `,"member":value…` behind other members.
    pub(crate) fn write(&self, out: &mut BytesMut, era: Era) {
        match era {
            Era::Modern => {
                out.put_slice(br#","resultType":"complete""#);
                if let Some(ttl) = self.ttl_ms {
                    // What a caller is shown depends on who it is.
                    let hints = format!(r#","ttlMs":{ttl},"cacheScope":"private""#);
                    out.put_slice(hints.as_bytes());
                }
                let info = &self.server_info;
                out.put_slice(br#","_meta":{"io.modelcontextprotocol/serverInfo":"#);
                out.put_slice(info.as_bytes());
                if let Some(more) = &self.more_meta {
                    out.put_slice(b",");
                    out.put_slice(more.as_bytes());
                }
                out.put_slice(b"}");
            }
            Era::Legacy => {
                if let Some(more) = &self.more_meta {
                    out.put_slice(format!(r#","_meta":{{{more}}}"#).as_bytes());
                }
            }
        }
    }
}
