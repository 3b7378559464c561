//! Who the gateway says it is.
//!
//! Enters: nothing but configuration. Leaves: the results of `server/discover` and `initialize`.
//! Never: a capability that is not delivered.

use bytes::{BufMut, BytesMut};
use toolgate_call::{Era, RawJson, Version};

use crate::local::ModernFields;

/// How the gateway introduces itself.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) server_info: String,
    pub(crate) instructions: Option<String>,
}

// === impl Identity ===

impl Identity {
    pub(crate) fn new(name: &str, version: &str, instructions: Option<String>) -> Self {
        let server_info = serde_json::json!({ "name": name, "version": version }).to_string();
        Self { server_info, instructions }
    }

    /// The result of `server/discover`.
    pub(crate) fn discover(&self) -> RawJson {
        let versions: Vec<&str> = Version::ALL.map(Version::as_str).to_vec();
        let mut out = BytesMut::new();
        out.put_slice(br#"{"supportedVersions":"#);
        out.put_slice(serde_json::json!(versions).to_string().as_bytes());
        out.put_slice(br#","capabilities":{"tools":{}}"#);
        self.write_instructions(&mut out);
        let fields = ModernFields {
            ttl_ms: Some(60_000),
            server_info: self.server_info.clone(),
            more_meta: None,
        };
        fields.write(&mut out, Era::Modern);
        out.put_slice(b"}");
        RawJson::built(out.freeze())
    }

    /// The result of `initialize`.
    pub(crate) fn initialize(&self, version: Version) -> RawJson {
        let mut out = BytesMut::new();
        out.put_slice(format!(r#"{{"protocolVersion":"{}""#, version.as_str()).as_bytes());
        out.put_slice(br#","capabilities":{"tools":{"listChanged":true}},"serverInfo":"#);
        out.put_slice(self.server_info.as_bytes());
        self.write_instructions(&mut out);
        out.put_slice(b"}");
        RawJson::built(out.freeze())
    }

    fn write_instructions(&self, out: &mut BytesMut) {
        if let Some(text) = &self.instructions {
            out.put_slice(br#","instructions":"#);
            out.put_slice(RawJson::string(text).as_bytes());
        }
    }
}
