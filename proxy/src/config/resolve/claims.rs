//! Rules about claims.
//!
//! In: the rules as written. Out: each with its one test. It leaves out a rule without a name, which
//! has been reported.

use toolgate_admit::authn::{ClaimRule, ClaimRules, ClaimTest};

use crate::config::file;

pub(super) fn claims(written: Option<&file::Claims>) -> ClaimRules {
    let Some(written) = written else { return ClaimRules::default() };
    let rules = |rules: &[file::ClaimRule]| rules.iter().filter_map(rule).collect();
    ClaimRules { all: rules(&written.all), any: rules(&written.any) }
}

fn rule(written: &file::ClaimRule) -> Option<ClaimRule> {
    let test = if let Some(text) = &written.equals {
        ClaimTest::Equals(text.clone())
    } else if let Some(text) = &written.contains {
        ClaimTest::Contains(text.clone())
    } else if !written.contains_any.is_empty() {
        ClaimTest::ContainsAny(written.contains_any.clone())
    } else {
        ClaimTest::Present
    };
    Some(ClaimRule { name: written.name.clone()?, test })
}
