//! The dashboards, for Grafana and for CloudWatch.
//!
//! Enters: the catalogue, and questions asked of it. Leaves: dashboards as JSON, committed beside
//! this crate and compared by a test. Never: a metric or label by string, a panel without unit and
//! description, or the network.

mod board;
mod layout;

mod boards;
mod cloud_boards;

mod cloudwatch;
mod files;
mod grafana;

pub use board::{
    Ask, Board, CloudBoard, Level, LogTable, Panel, Row, Shown, Unfit, Variable, View, Widget,
};
pub use boards::boards;
pub use cloud_boards::{Place, cloud_boards};
pub use files::files;
pub use layout::{COLUMNS, Position};

#[cfg(test)]
mod tests;
