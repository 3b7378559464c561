//! Ids of traces and spans, from text and to text; and hashes in place of names.
//!
//! Enters: hexadecimal digits. Leaves: ids, or none for text that is not one. Never: an id that is
//! all zero.

use toolgate_call::{SpanContext, SpanId, Trace, TraceId};

use super::facts::AgentPlace;
use crate::access::subject_hash;

/// A place, read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) own: SpanContext,
    pub(super) parent: Option<SpanId>,
}

// === impl Ids ===

impl Ids {
    pub(super) fn of(place: &AgentPlace) -> Option<Self> {
        let trace = TraceId::new(u128::from_str_radix(&place.trace, 16).ok()?)?;
        let own = SpanContext { trace, span: span(&place.span)?, sampled: place.sampled };
        Some(Self { own, parent: place.parent.as_deref().and_then(span) })
    }
}

// === impl AgentPlace ===

impl AgentPlace {
    pub(super) fn of(trace: &Trace) -> Self {
        Self {
            trace: trace.own.trace.to_string(),
            span: trace.own.span.to_string(),
            parent: trace.parent.map(|parent| parent.to_string()),
            sampled: trace.own.sampled,
        }
    }
}

pub(super) fn span(digits: &str) -> Option<SpanId> {
    SpanId::new(u64::from_str_radix(digits, 16).ok()?)
}

/// Tells conversations, or those who ask, apart without naming them.
pub(super) fn hash(of: &str, name: &str) -> u64 {
    subject_hash(of, name)
}
