//! What the gateway's own tools answer.
//!
//! Enters: what was found, or what is wrong with a call. Leaves: the result of a tool, in the caller's
//! era. Never: a score: it compares with others of the same question alone.

use bytes::{BufMut, BytesMut};
use serde_json::json;
use toolgate_call::{Answer, Call, Era, RawJson, Reply};

use super::Found;
use crate::local::ModernFields;
use crate::registry::Offered;

/// The tools that were found, under the names by which this caller calls them.
pub(super) fn found(call: &Call, tools: &[&Offered], found: &Found, server_info: &str) -> Reply {
    let era = call.version.era();
    let mut list = BytesMut::with_capacity(4096);
    list.put_slice(br#"{"tools":["#);
    for (at, tool) in tools.iter().enumerate() {
        if at > 0 {
            list.put_slice(b",");
        }
        let for_legacy = tool.for_legacy.as_ref().filter(|_| era == Era::Legacy);
        list.put_slice(for_legacy.unwrap_or(&tool.raw).as_bytes());
    }
    list.put_slice(b"]}");
    let by = if found.by_meaning { "meaning" } else { "words" };
    let how = json!({ "by": by, "waiting": found.waiting });
    let fields = ModernFields {
        ttl_ms: None,
        server_info: server_info.to_owned(),
        more_meta: Some(format!(r#""toolgate/search":{how}"#)),
    };
    let mut out = BytesMut::with_capacity(2 * list.len() + 512);
    out.put_slice(br#"{"content":[{"type":"text","text":"#);
    out.put_slice(RawJson::string(&String::from_utf8_lossy(&list)).as_bytes());
    out.put_slice(br#"}],"structuredContent":"#);
    out.put_slice(&list);
    fields.write(&mut out, era);
    out.put_slice(b"}");
    Reply::one(era, Answer::result(RawJson::built(out.freeze())))
}

/// A call that the model has to make otherwise.
pub(super) fn mistaken(call: &Call, why: &str) -> Reply {
    let era = call.version.era();
    let complete = if era == Era::Modern { r#","resultType":"complete""# } else { "" };
    let content = json!([{ "type": "text", "text": why }]);
    let result = format!(r#"{{"content":{content},"isError":true{complete}}}"#);
    Reply::one(era, Answer::Result { raw: RawJson::built(result.into()), is_error: true })
}

/// A call of another tool that does not say of which.
pub(super) fn not_meant(call: &Call) -> Reply {
    let why = "the arguments must be `name`, that of a tool which `x_amz_bedrock_agentcore_search` \
               has found, and `arguments`, an object that fits its `inputSchema`; nothing was called";
    mistaken(call, why)
}
