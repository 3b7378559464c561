//! What became of items, as a label says it.
//!
//! Enters: nothing. Leaves: the outcome of each [`Delivery`]. Never: an item that was left out on
//! purpose among those that were lost.

use crate::Delivery;

// === impl Delivery ===

impl Delivery {
    /// The outcome label of it.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::QueueFull | Self::Io => "dropped",
            Self::SampledOut => "sampled_out",
        }
    }
}
