//! Which era an answer to `server/discover` shows (`basic/versioning`, "dual-era client").
//!
//! Enters: the answer. Leaves: a verdict. Never: keyed on one error code; whatever is not the
//! modern era is the older one, unless it names only revisions that nobody here speaks.

use serde::Deserialize;
use toolgate_call::{Answer, Era, RawJson, Version};

/// What the answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A modern server; and whether it tells of changes of its lists, if it has said so.
    Modern { tells: Option<bool> },
    /// A modern server, but of no revision that the gateway speaks.
    Stranger,
    /// Not a modern server.
    Older,
}

#[derive(Deserialize)]
struct Discovered {
    #[serde(rename = "supportedVersions")]
    versions: Vec<String>,
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    #[serde(default)]
    tools: ListCapability,
    #[serde(default)]
    prompts: ListCapability,
    #[serde(default)]
    resources: ListCapability,
}

#[derive(Default, Deserialize)]
struct ListCapability {
    #[serde(rename = "listChanged", default)]
    list_changed: bool,
}

/// An error that says which revisions are spoken.
#[derive(Deserialize)]
struct Unsupported {
    #[serde(default)]
    data: Supported,
}

#[derive(Default, Deserialize)]
struct Supported {
    #[serde(default)]
    supported: Vec<String>,
}

/// Codes that only a modern server knows (`mcp.md` 1.9).
pub(crate) const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
pub(crate) const UNSUPPORTED_VERSION: i64 = -32022;

/// What an answer to `server/discover` shows. A modern server that does not take this very request
/// is still modern.
pub(crate) fn judge(answer: &Answer) -> Verdict {
    match answer {
        Answer::Result { raw, .. } => judge_result(raw),
        Answer::Error { code: UNSUPPORTED_VERSION, raw } => {
            let supported = raw.parse::<Unsupported>().map(|error| error.data.supported);
            judge_versions(&supported.unwrap_or_default(), None)
        }
        Answer::Error { code: HEADER_MISMATCH | MISSING_CAPABILITY, .. } => {
            Verdict::Modern { tells: None }
        }
        Answer::Error { .. } => Verdict::Older,
    }
}

fn judge_result(raw: &RawJson) -> Verdict {
    let Ok(Discovered { versions, capabilities }) = raw.parse() else { return Verdict::Older };
    let Capabilities { tools, prompts, resources } = capabilities;
    let tells = tools.list_changed || prompts.list_changed || resources.list_changed;
    judge_versions(&versions, Some(tells))
}

/// A server that names only revisions of the older era asks for `initialize`.
fn judge_versions(versions: &[String], tells: Option<bool>) -> Verdict {
    let eras = || versions.iter().filter_map(|version| Version::parse(version)).map(Version::era);
    if eras().any(|era| era == Era::Modern) {
        return Verdict::Modern { tells };
    }
    if eras().any(|era| era == Era::Legacy) { Verdict::Older } else { Verdict::Stranger }
}

#[cfg(test)]
mod tests {
    //! What answers show.

    use toolgate_call::{Answer, RawJson};

    use super::{Verdict, judge};

    #[test]
    fn only_what_is_known_to_be_older_is_older() {
        let result = |text| Answer::result(RawJson::literal(text));
        let error = |code, text| Answer::Error { raw: RawJson::literal(text), code };
        let modern = |tells| Verdict::Modern { tells };
        let cases = [
            (
                result(r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#),
                modern(Some(false)),
            ),
            (result(r#"{"supportedVersions":["2025-06-18"]}"#), Verdict::Older),
            (result(r#"{"supportedVersions":["2031-01-01"]}"#), Verdict::Stranger),
            (result("{}"), Verdict::Older),
            (error(-32601, "{}"), Verdict::Older),
            (error(-32020, "{}"), modern(None)),
            (error(-32022, r#"{"data":{"supported":["2026-07-28"]}}"#), modern(None)),
            (error(-32022, r#"{"data":{"supported":["2025-11-25"]}}"#), Verdict::Older),
            (error(-32022, r#"{"data":{"supported":["2031-01-01"]}}"#), Verdict::Stranger),
            (error(-32022, "{}"), Verdict::Stranger),
        ];
        for (answer, wanted) in cases {
            assert_eq!(judge(&answer), wanted, "{answer:?}");
        }
    }
}
