//! `policy`: its files read, and the policies understood.
//!
//! In: `policy` as written. Out: rules that can be judged. It never lets a gateway start whose policies
//! are not all understood.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toolgate_call::ClaimKind;
use toolgate_guard::cedar::{Cedar, CedarConfig, Flaw, Source};

use crate::config::code;
use crate::config::file::{self, ClaimType, Unspoken};
use crate::config::report::{Mistake, quote};
use crate::config::resolved::Policies;

use super::Resolver;

impl Resolver<'_, '_> {
    pub(super) fn policies(&mut self, written: Option<&file::Policy>) -> Option<Policies> {
        let written = written?;
        let files: Vec<PathBuf> =
            written.files.iter().map(|file| self.path(Path::new(file))).collect();
        let read = files.iter().enumerate().map(|(number, file)| self.policy_file(number, file));
        let texts: Option<Vec<String>> = read.collect::<Vec<_>>().into_iter().collect();
        let named = written.files.iter().zip(texts?);
        let config = CedarConfig {
            sources: named.map(|(name, text)| Source { name: name.clone(), text }).collect(),
            claims: written.claims.0.iter().map(|(name, it)| (name.clone(), kind(*it))).collect(),
            allow: written.default? == Unspoken::Allow,
        };
        match Cedar::load(&config) {
            Ok(cedar) => Some(Policies {
                rules: Arc::new(cedar),
                files: written.files.iter().cloned().zip(files).collect(),
                allow: config.allow,
                claims: config.claims,
            }),
            Err(flaws) => {
                for flaw in flaws {
                    self.flaw(&written.files, flaw);
                }
                None
            }
        }
    }

    fn policy_file(&mut self, number: usize, file: &Path) -> Option<String> {
        match (self.outside.read)(file) {
            Ok(text) => Some(text),
            Err(error) => {
                let shown = quote(&file.display().to_string());
                let at = self.review.at(&["policy", "files", &number.to_string()]);
                let message = format!("the policies {shown} cannot be read: {error}");
                self.review.add(Mistake::new(code::POLICY, at, message).help(
                    "write them there: `permit(principal, action, resource);` lets everybody do \
                     everything that scopes allow",
                ));
                None
            }
        }
    }

    fn flaw(&mut self, files: &[String], flaw: Flaw) {
        let Flaw { source, line, column, message, help } = flaw;
        let file = files.get(source).map_or("", String::as_str);
        let place = if line == 0 { file.to_owned() } else { format!("{file}:{line}:{column}") };
        let at = self.review.at(&["policy", "files", &source.to_string()]);
        let help = help.unwrap_or_else(|| {
            "the words of policies are in examples/policies.cedar, the syntax is at \
             https://docs.cedarpolicy.com"
                .to_owned()
        });
        let mistake = Mistake::new(code::POLICY, at, format!("{place}: {message}"));
        self.review.add(mistake.help(help));
    }
}

const fn kind(written: ClaimType) -> ClaimKind {
    match written {
        ClaimType::Text => ClaimKind::Text,
        ClaimType::Number => ClaimKind::Number,
        ClaimType::Bool => ClaimKind::Bool,
        ClaimType::List => ClaimKind::List,
    }
}
