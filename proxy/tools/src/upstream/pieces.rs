//! A body that is kept as it comes, in blocks.
//!
//! Enters: frames. Leaves: the bytes, one after the other, each block freed once it is read; or all in
//! one. Never: a frame itself, which may hold a buffer that is many times as large.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::{Buf as _, Bytes, BytesMut};

/// The least and the most that a block has room for.
const BLOCK: (usize, usize) = (4 << 10, 256 << 10);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    blocks: VecDeque<Bytes>,
    open: BytesMut,
    size: usize,
}

// === impl Pieces ===

impl Pieces {
    /// Adds what has come.
    pub(super) fn push(&mut self, mut frame: &[u8]) {
        while !frame.is_empty() {
            let room = self.open.capacity() - self.open.len();
            if room == 0 {
                self.close();
                // As much as there is already, so that small bodies are small.
                self.open =
                    BytesMut::with_capacity(self.size.max(frame.len()).clamp(BLOCK.0, BLOCK.1));
                continue;
            }
            let (now, later) = frame.split_at(room.min(frame.len()));
            self.open.extend_from_slice(now);
            self.size += now.len();
            frame = later;
        }
    }

    /// Lets go of the oldest blocks, but of none of the newest `most` bytes.
    pub(super) fn keep(&mut self, most: usize) {
        while let Some(block) = self.blocks.front()
            && self.size - block.len() >= most
        {
            self.size -= block.len();
            self.blocks.pop_front();
        }
    }

    fn close(&mut self) {
        let block = std::mem::take(&mut self.open);
        if !block.is_empty() {
            self.blocks.push_back(block.freeze());
        }
    }

    /// All of it in one.
    pub(crate) fn whole(mut self) -> Bytes {
        self.close();
        if self.blocks.len() <= 1 {
            return self.blocks.pop_front().unwrap_or_default();
        }
        let mut whole = BytesMut::with_capacity(self.size);
        while let Some(block) = self.blocks.pop_front() {
            whole.extend_from_slice(&block);
        }
        whole.freeze()
    }

    /// All of it, from the first byte on.
    pub(super) fn reader(mut self) -> impl Read {
        self.close();
        Blocks(self.blocks)
    }
}

struct Blocks(VecDeque<Bytes>);

impl Read for Blocks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(block) = self.0.front_mut() {
            if block.has_remaining() {
                let size = block.remaining().min(into.len());
                let (into, _) = into.split_at_mut(size);
                block.copy_to_slice(into);
                return Ok(size);
            }
            self.0.pop_front();
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    //! That nothing is lost or added, however it comes.

    use std::io::Read as _;

    use proptest::prelude::*;

    use super::{BLOCK, Pieces};

    proptest! {
        #[test]
        fn what_went_in_comes_out(sizes in prop::collection::vec(0..3 * BLOCK.1 / 2, 0..6)) {
            let byte = |at: usize| u8::try_from(at % 251).unwrap_or_default();
            let (mut one, mut other, mut all) = (Pieces::default(), Pieces::default(), Vec::new());
            for size in sizes {
                let frame: Vec<u8> = (all.len()..all.len() + size).map(byte).collect();
                one.push(&frame);
                other.push(&frame);
                all.extend(frame);
            }
            let mut read = Vec::new();
            one.reader().read_to_end(&mut read).unwrap();
            prop_assert!(read == all);
            prop_assert!(other.whole() == all);
        }

        #[test]
        fn the_newest_is_kept_and_little_more(sizes in prop::collection::vec(0..BLOCK.1, 0..20), most in 1..3 * BLOCK.1) {
            let (mut pieces, mut all) = (Pieces::default(), Vec::new());
            for (nth, size) in sizes.into_iter().enumerate() {
                let frame = vec![u8::try_from(nth).unwrap(); size];
                pieces.push(&frame);
                pieces.keep(most);
                all.extend(frame);
            }
            let kept = pieces.whole();
            prop_assert!(kept.len() >= most.min(all.len()) && kept.len() <= most + BLOCK.1);
            prop_assert!(all.ends_with(&kept));
        }
    }
}
