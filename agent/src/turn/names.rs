//! Names of tools, as every model takes them.
//!
//! In: the gateway's tools. Out: names of at most 64 of `a-z A-Z 0-9 _ -` (Bedrock's
//! `ToolName`), and the way back. Never: two tools under one name; another name for the same tool
//! the next time.

use std::collections::HashMap;
use std::sync::Arc;

use crate::tools::{Listed, Tool};

/// The longest name.
const LONGEST: usize = 64;
/// Hexadecimal digits that tell apart what was shortened.
const DIGITS: usize = 8;

/// The tools of a turn by the names under which the model knows them.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    listed: Arc<Listed>,
    by_alias: HashMap<String, usize>,
    aliases: Vec<String>,
}

// === impl Offered ===

impl Offered {
    pub(crate) fn new(listed: Arc<Listed>) -> Self {
        let mut by_alias = HashMap::with_capacity(listed.tools.len());
        let mut aliases = Vec::with_capacity(listed.tools.len());
        // Those that fit keep their names, whatever others are shortened to.
        for (nth, tool) in listed.tools.iter().enumerate() {
            if fits(&tool.name) {
                by_alias.entry(tool.name.clone()).or_insert(nth);
            }
        }
        for (nth, tool) in listed.tools.iter().enumerate() {
            let mut alias = tool.name.clone();
            let mut round = 0_u64;
            while by_alias.get(&alias).is_some_and(|taken| *taken != nth) || !fits(&alias) {
                alias = shortened(&tool.name, round);
                round += 1;
            }
            by_alias.insert(alias.clone(), nth);
            aliases.push(alias);
        }
        Self { listed, by_alias, aliases }
    }

    /// The tool that a model means.
    pub(crate) fn get(&self, alias: &str) -> Option<&Tool> {
        self.by_alias.get(alias).and_then(|nth| self.listed.tools.get(*nth))
    }

    /// What the model is offered, in the list's order.
    pub(crate) fn for_model(&self) -> Vec<toolgate_agent_model::Tool> {
        let named = self.aliases.iter().zip(&self.listed.tools);
        named
            .map(|(alias, tool)| toolgate_agent_model::Tool {
                name: alias.clone(),
                description: tool.description.clone(),
                schema: tool.schema.clone(),
            })
            .collect()
    }
}

fn fits(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The beginning of a name, and digits that depend on all of it.
fn shortened(name: &str, round: u64) -> String {
    let digits = format!("{:08x}", fnv(name, round) & 0xffff_ffff);
    let letters = name.chars().map(|letter| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => letter,
        _ => '_',
    });
    let kept: String = letters.take(LONGEST - DIGITS - 1).collect();
    format!("{kept}_{digits}")
}

/// FNV-1a: the same on every machine and in every version.
fn fnv(name: &str, round: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ round;
    name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    //! Every tool can be told from every other.

    use proptest::prelude::*;

    use super::*;

    fn offered(names: &[&str]) -> Offered {
        let tools = names.iter().map(|name| Tool::named(name)).collect();
        Offered::new(Arc::new(Listed { tools, ..Listed::default() }))
    }

    #[test]
    fn a_name_that_fits_is_kept_and_a_longer_one_is_always_shortened_alike() {
        let long = format!("k8s___{}", "x".repeat(80));
        let dotted = "a.b";
        let one = offered(&["k8s___get_pods", &long, dotted]);
        let other = offered(&[dotted, "else", &long]);
        assert_eq!(
            one.get("k8s___get_pods").map(|tool| tool.name.as_str()),
            Some("k8s___get_pods")
        );
        let alias = |offered: &Offered, name: &str| {
            let all = offered.for_model();
            all.into_iter()
                .map(|tool| tool.name)
                .find(|alias| offered.get(alias).is_some_and(|tool| tool.name == name))
        };
        assert_eq!(alias(&one, &long), alias(&other, &long));
        assert_eq!(alias(&one, dotted), alias(&other, dotted));
        assert_eq!(one.get("nobody"), None);
    }

    proptest! {
        #[test]
        fn every_tool_is_reached_by_exactly_one_name(
            names in prop::collection::hash_set("[a-c.]{1,3}|[ab]{60,70}|[ab]{55}[.ä]{1,2}", 1..40)
        ) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let offered = offered(&names);
            let aliases = offered.for_model();
            prop_assert_eq!(aliases.len(), names.len());
            for (tool, name) in aliases.iter().zip(&names) {
                prop_assert!(fits(&tool.name), "{}", tool.name);
                prop_assert_eq!(offered.get(&tool.name).map(|tool| tool.name.as_str()), Some(*name));
            }
        }
    }
}
