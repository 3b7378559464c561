//! The field names of the flight recorder's records, beside those of the access log.
//!
//! Enters: nothing. Leaves: constants. Never: a value; never a field for arguments or results.

use crate::named::named;

named! {
    KEPT = "kept", "Why the record stays when newer calls come: `first` of its tool and reason, `failed`, `caller` (denied, malformed or cancelled) or `slow`; absent for the others.";
    COURSE = "course", "The phases in the order in which they were entered: `phase` and `at_ms`, the first 25.";
    TRIES = "tries", "The attempts at the target: `at_ms`, `took_ms`, `reason`, `span_id` and `detail`, the first 10.";
    PHASE = "phase", "A phase of the call.";
    AT_MS = "at_ms", "When, in milliseconds after the call began.";
    TOOK_MS = "took_ms", "How long, in milliseconds.";
    CALLS = "calls", "The records that were asked for, newest first.";
    HELD = "held", "How many records there are, by why they are kept; `recent` are the others.";
    FELL_OUT = "fell_out", "How many records newer ones have pushed out.";
}
