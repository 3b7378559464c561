//! So many records, and no more bytes than allowed.
//!
//! Enters: records. Leaves: the last of them. Never: grows past its limit; what is full takes the
//! buffers of the oldest record for the newest.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::Why;
use super::entry::Entry;
use crate::CallRecord;

/// What a ring may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// The last records, oldest first.
#[derive(Debug)]
pub(super) struct Ring {
    entries: VecDeque<Entry>,
    limit: Limit,
    bytes: usize,
    fell_out: u64,
    /// When the last call ended that is not here any more.
    lost: Option<SystemTime>,
}

// === impl Ring ===

impl Ring {
    pub(super) const fn new(limit: Limit) -> Self {
        Self { entries: VecDeque::new(), limit, bytes: 0, fell_out: 0, lost: None }
    }

    pub(super) fn push(&mut self, record: &CallRecord<'_>, why: Option<Why>, now: SystemTime) {
        let full = self.entries.len() >= self.limit.records;
        let mut entry = if full { self.pop() } else { None }.unwrap_or_default();
        entry.fill(record, why, now);
        self.bytes += entry.weight();
        self.entries.push_back(entry);
        while self.bytes > self.limit.bytes && self.pop().is_some() {}
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn fell_out(&self) -> u64 {
        self.fell_out
    }

    pub(super) const fn lost(&self) -> Option<SystemTime> {
        self.lost
    }

    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn pop(&mut self) -> Option<Entry> {
        let oldest = self.entries.pop_front()?;
        self.bytes -= oldest.weight();
        self.fell_out += 1;
        self.lost = self.lost.max(Some(oldest.ended));
        Some(oldest)
    }
}
