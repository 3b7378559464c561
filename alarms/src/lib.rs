//! The alarms, for Prometheus and for CloudWatch, with a test for each that fires and one that does
//! not.
//!
//! Enters: the catalogue, objectives, and questions asked of the numbers. Leaves: recording and
//! alerting rules, promtool tests and a CloudFormation template, committed beside this crate and
//! compared by a test; and the same alarms as CloudWatch's own API takes them. Never: an alert without a runbook, a threshold between two buckets, or the
//! network.

mod alert;
mod scene;

mod alerts;
mod objective;

mod cloud_alarms;
mod cloudformation;
mod cloudwatch;
mod deployed;
mod files;
mod prometheus;
mod promtool;
mod yaml;

pub use alert::{Alert, Severity, Unfit};
pub use alerts::alerts;
pub use cloud_alarms::{CloudRule, Missing, cloud_rules};
pub use cloudformation::template;
pub use deployed::Deployment;
pub use files::files;
pub use objective::{Burn, OBJECTIVES, Objective, recordings};
pub use prometheus::{alert_rules, objective_rules};
pub use promtool::{Suite, tests as promtool_tests};
pub use scene::{Sample, Scene, Values};

#[cfg(test)]
mod tests;
