//! Who the gateway says it is, and what it can do.
//!
//! Enters: configuration, and what the targets say of themselves. Leaves: the results of
//! `server/discover` and `initialize`. Never: a capability that is not delivered.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use serde_json::{Map, Value, json};
use toolgate_call::{Era, Kind, Listed, RawJson, TASKS, UI, Version};

use crate::list::{About, cut};
use crate::local::ModernFields;
use crate::registry::Catalog;

/// The longest text for models, of all targets together, in bytes.
const INSTRUCTIONS: usize = 16 * 1024;

/// How the gateway introduces itself.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) server_info: String,
    pub(crate) instructions: Option<String>,
}

// === impl Identity ===

impl Identity {
    pub(crate) fn new(name: &str, version: &str, instructions: Option<String>) -> Self {
        let server_info = json!({ "name": name, "version": version }).to_string();
        Self { server_info, instructions }
    }

    /// The result of `server/discover`.
    pub(crate) fn discover(&self, catalog: &Catalog) -> RawJson {
        let versions: Vec<&str> = Version::ALL.map(Version::as_str).to_vec();
        let mut out = BytesMut::new();
        out.put_slice(br#"{"supportedVersions":"#);
        out.put_slice(json!(versions).to_string().as_bytes());
        out.put_slice(br#","capabilities":"#);
        out.put_slice(modern(catalog).to_string().as_bytes());
        self.write_instructions(catalog, &mut out);
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
    pub(crate) fn initialize(&self, catalog: &Catalog, version: Version) -> RawJson {
        let mut out = BytesMut::new();
        out.put_slice(format!(r#"{{"protocolVersion":"{}""#, version.as_str()).as_bytes());
        out.put_slice(br#","capabilities":"#);
        out.put_slice(older(catalog, version).to_string().as_bytes());
        out.put_slice(br#","serverInfo":"#);
        out.put_slice(self.server_info.as_bytes());
        self.write_instructions(catalog, &mut out);
        out.put_slice(b"}");
        RawJson::built(out.freeze())
    }

    fn write_instructions(&self, catalog: &Catalog, out: &mut BytesMut) {
        if let Some(text) = composed(self.instructions.as_deref(), &catalog.abouts) {
            out.put_slice(br#","instructions":"#);
            out.put_slice(RawJson::string(&text).as_bytes());
        }
    }
}

/// What the gateway and its targets can do together.
fn capabilities(catalog: &Catalog) -> Map<String, Value> {
    let any = |has: fn(&About) -> bool| catalog.abouts.iter().any(|(_, about)| has(about));
    let tells = json!({ "listChanged": true });
    let mut all = Map::new();
    all.insert("tools".into(), tells.clone());
    if catalog.may_have(Kind::Prompt) && any(|about| about.may_have(Listed::Prompts)) {
        all.insert("prompts".into(), tells.clone());
    }
    if catalog.may_have(Kind::Resources) && any(|about| about.may_have(Listed::Resources)) {
        let subscribed = json!({ "listChanged": true, "subscribe": true });
        let subscribe = any(|about| about.subscribe);
        all.insert("resources".into(), if subscribe { subscribed } else { tells });
    }
    if any(|about| about.logging) {
        all.insert("logging".into(), json!({}));
    }
    if any(|about| about.completions) {
        all.insert("completions".into(), json!({}));
    }
    all
}

/// The same with what only 2026-07-28 has words for.
fn modern(catalog: &Catalog) -> Value {
    let mut all = capabilities(catalog);
    let has_ui = catalog.abouts.iter().any(|(_, about)| about.ui);
    let extensions: Map<String, Value> = [(TASKS, has_tasks(catalog, Era::Modern)), (UI, has_ui)]
        .into_iter()
        .filter(|(_, has)| *has)
        .map(|(name, _)| (name.to_owned(), json!({})))
        .collect();
    if !extensions.is_empty() {
        all.insert("extensions".into(), extensions.into());
    }
    Value::Object(all)
}

/// The same with what only that revision has words for. There is no list of the tasks of all targets.
fn older(catalog: &Catalog, version: Version) -> Value {
    let mut all = capabilities(catalog);
    if version == Version::V2025_11_25 && has_tasks(catalog, Era::Legacy) {
        let tasks = json!({ "cancel": {}, "requests": { "tools": { "call": {} } } });
        all.insert("tasks".into(), tasks);
    }
    Value::Object(all)
}

fn has_tasks(catalog: &Catalog, era: Era) -> bool {
    catalog.abouts.iter().any(|(_, about)| about.tasks.are_for(era))
}

/// What models are told: the gateway's own words, and each target's under its name.
fn composed(own: Option<&str>, abouts: &[(Arc<str>, Arc<About>)]) -> Option<String> {
    let mut text = own.unwrap_or_default().to_owned();
    for (target, about) in abouts {
        if let Some(said) = &about.instructions {
            let gap = if text.is_empty() { "" } else { "\n\n" };
            text.push_str(&format!("{gap}## {target}\n\n{}", said.trim()));
        }
    }
    (!text.is_empty()).then(|| cut(&text, INSTRUCTIONS).to_owned())
}

#[cfg(test)]
mod tests {
    //! What models are told.

    use std::sync::Arc;

    use super::{INSTRUCTIONS, composed};
    use crate::list::About;

    #[test]
    fn instructions_stand_under_the_names_of_their_targets() {
        assert_eq!(composed(None, &[]), None);
        let abouts = [(Arc::from("a"), About::saying(" one \n")), (Arc::from("b"), Arc::default())];
        let text = composed(Some("own"), &abouts).unwrap();
        assert_eq!(text, "own\n\n## a\n\none");
        let long = [(Arc::from("a"), About::saying(&"\u{e9}".repeat(INSTRUCTIONS)))];
        assert!(composed(None, &long).unwrap().len() <= INSTRUCTIONS);
    }
}
