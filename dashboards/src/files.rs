//! What is made of the boards.
//!
//! Enters: the boards. Leaves: every file, by its path. Never: a file written.

use crate::{Place, Unfit, boards, cloud_boards};

/// Every file, by its path below the folder of dashboards.
///
/// # Errors
/// The panel whose question makes no sense.
pub fn files() -> Result<Vec<(String, String)>, Unfit> {
    let mut files = Vec::new();
    for board in boards() {
        files.push((format!("grafana/{}.json", board.id), format!("{:#}\n", board.grafana()?)));
    }
    let place = Place::default();
    for board in cloud_boards() {
        files.push((
            format!("cloudwatch/{}.json", board.id),
            format!("{:#}\n", board.body(&place)?),
        ));
    }
    Ok(files)
}
