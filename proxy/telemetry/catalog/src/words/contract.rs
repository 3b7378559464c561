//! Words for what targets change in their tools' definitions.
//!
//! Enters: nothing. Leaves: enums, each value with its word. Never: free text.

use super::Word;

words! {
    /// How a tool's definition differs from the approved one; the worst first.
    ContractChange {
        /// Calls that were right are not any more, or nobody can tell: what is not understood is this.
        Breaking = "breaking",
        /// An agent can be made to send, or to trust, what was not approved.
        Widened = "widened",
        /// It admits to be more dangerous than it said.
        AnnotationDowngrade = "annotation_downgrade",
        /// It is not among the approved ones.
        Added = "added",
        /// It was approved, and is gone.
        Removed = "removed",
        /// Calls that were right still are, and nothing more can be sent.
        Compatible = "compatible",
        /// Words that agents read, or how it is written.
        Text = "text",
    }
}

words! {
    /// What is done with a tool whose definition differs; the strictest last.
    ContractAction {
        /// It is counted.
        Allow = "allow",
        /// It is counted and logged.
        Warn = "warn",
        /// The approved definition is shown in its place; calls go through.
        Pinned = "pinned",
        /// It is neither listed nor called.
        Quarantine = "quarantine",
    }
}
