//! What an error of a library says.
//!
//! Enters: an error. Leaves: it and its causes on one line. Never: the same words twice.

use std::error::Error;

/// An error and what caused it, on one line; what a cause repeats is left out.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for cause in std::iter::successors(Some(error), |&error| error.source()) {
        let text = cause.to_string();
        if line.contains(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line
}
