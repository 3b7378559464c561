//! What telemetry does with AWS: nobody else in the gateway knows that there is such a thing.
//!
//! Enters: where AWS is, and what telemetry hands out. Leaves: calls of its API over the SDK. Never:
//! anything on the way of a call, or a secret in an error.

pub mod apply;
mod cloudwatch;
mod logs;
mod reach;
mod xray;

pub use cloudwatch::CloudWatch;
pub use logs::Logs;
pub use reach::{Aws, AwsConfig, Unreachable};
pub use xray::{Rules, Segments, SigV4, Xray};
