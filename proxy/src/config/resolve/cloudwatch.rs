//! CloudWatch: defaults in.
//!
//! In: the `cloudwatch` block as written. Out: the same with every default, and a mistake for a file
//! in a folder that is not there. It never connects to anything.

use super::{Resolver, count};
use crate::config::choice::{CloudDimension, CloudMode};
use crate::config::file;
use crate::config::resolved::CloudWatch;
use crate::config::words::EmfFile;

/// The namespace when the file names none: the one that dashboards and alarms read.
const NAMESPACE: &str = toolgate_telemetry_catalog::NAMESPACE;
/// Tools with series of their own when the file says nothing.
const TOOLS: usize = 50;

impl Resolver<'_, '_> {
    pub(super) fn cloudwatch(&mut self, written: Option<&file::CloudWatch>) -> Option<CloudWatch> {
        let written = written.filter(|written| written.mode != Some(CloudMode::Off))?;
        let all = [CloudDimension::Target, CloudDimension::ToolName, CloudDimension::ErrorType];
        Some(CloudWatch {
            mode: written.mode?,
            namespace: written.namespace.as_ref().map_or(NAMESPACE, |name| &name.0.0).to_owned(),
            dimensions: written.dimensions.clone().unwrap_or_else(|| all.to_vec()),
            tools: count(written.tools, TOOLS),
            to: written.to.as_ref().map_or(EmfFile::Stdout, |to| self.emf(&to.0)),
        })
    }

    fn emf(&mut self, to: &EmfFile) -> EmfFile {
        let EmfFile::File(named) = to else { return to.clone() };
        let file = self.path(named);
        if let Some(folder) = file.parent() {
            self.need_folder(folder, &["cloudwatch", "to"]);
        }
        EmfFile::File(file)
    }
}
