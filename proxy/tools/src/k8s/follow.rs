//! Lines that are told while they are written.
//!
//! Enters: pieces of a log as they come. Leaves: its whole lines without what looks like a secret, told
//! as progress. Never: half a line; a line of what may be a key whose beginning was not seen; more at
//! once than a bound, without saying so.

use super::pod_logs::plain;
use super::redact::{is_base64, redact};
use crate::context::Teller;

/// Bytes of a line that has not ended; what is longer is not told.
const MOST_LINE: usize = 16 << 10;
/// Bytes that are told at once.
const MOST_TOLD: usize = 4 << 10;

/// One log that goes on.
pub(super) struct Lines<'a> {
    teller: &'a Teller,
    /// Of the line that has not ended.
    begun: Vec<u8>,
    /// That line is too long to be told.
    is_long: bool,
    in_key: bool,
    told: u64,
    untold: u64,
}

// === impl Lines ===

impl<'a> Lines<'a> {
    pub(super) const fn told_to(teller: &'a Teller) -> Self {
        let begun = Vec::new();
        Self { teller, begun, is_long: false, in_key: false, told: 0, untold: 0 }
    }

    /// Tells the lines that end in this piece.
    pub(super) fn hear(&mut self, piece: &[u8]) {
        let mut words = String::new();
        let mut lines = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = lines.next() {
            self.begin(part);
            if lines.peek().is_some() {
                self.end(&mut words);
            }
        }
        self.tell(&words);
    }

    fn begin(&mut self, part: &[u8]) {
        if self.begun.len() + part.len() > MOST_LINE {
            self.is_long = true;
            self.begun.clear();
        }
        if !self.is_long {
            self.begun.extend_from_slice(part);
        }
    }

    /// A line has ended.
    fn end(&mut self, words: &mut String) {
        let line = plain(&String::from_utf8_lossy(&std::mem::take(&mut self.begun)));
        let is_long = std::mem::take(&mut self.is_long);
        self.told += 1;
        let Some(line) = self.clean(&line).filter(|_| !is_long) else {
            self.untold += 1;
            return;
        };
        if words.len() + line.len() > MOST_TOLD {
            self.untold += 1;
            return;
        }
        words.push_str(&line);
        words.push('\n');
    }

    /// The line without its secrets; nothing, if it is or may be of a key.
    fn clean(&mut self, line: &str) -> Option<String> {
        let is_mark = |word: &str| line.contains(word) && line.contains("PRIVATE KEY-----");
        let (begins, ends) = (is_mark("-----BEGIN "), is_mark("-----END "));
        let was_in_key = self.in_key;
        self.in_key = (was_in_key || begins) && !ends;
        // Its beginning may not be here, and what comes after it not yet: the answer, which sees both, has it.
        let of_a_key = is_base64(line);
        (!was_in_key && !begins && !ends && !of_a_key).then(|| redact(line).0)
    }

    fn tell(&mut self, words: &str) {
        let words = words.trim_end_matches('\n');
        if words.is_empty() {
            return;
        }
        let lines = words.split('\n').count();
        let before = match self.untold {
            0 => String::new(),
            untold => format!("({untold} lines are not shown)\n"),
        };
        if self.teller.tell(self.told, &format!("{before}{words}")) {
            self.untold = 0;
        } else {
            self.untold += u64::try_from(lines).unwrap_or(u64::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Whatever the pieces, the lines are the same, and no secret is told early.

    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::Lines;
    use crate::context::Teller;

    /// What is told of these pieces; of each message it is said whether it is taken.
    fn told(
        pieces: &[&[u8]],
        takes: impl Fn(usize) -> bool + Send + Sync + 'static,
    ) -> Vec<String> {
        let all: Arc<Mutex<Vec<String>>> = Arc::default();
        let (heard, count) = (Arc::clone(&all), Mutex::new(0));
        let teller = Teller::new(move |_, words| {
            let mut count = count.lock().unwrap();
            *count += 1;
            let is_taken = takes(*count);
            if is_taken {
                heard.lock().unwrap().push(words.to_owned());
            }
            is_taken
        });
        let mut lines = Lines::told_to(&teller);
        pieces.iter().for_each(|piece| lines.hear(piece));
        all.lock().unwrap().clone()
    }

    const LOG: &str = "line one\nDB_PASSWORD=hunter2 ünd\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n\
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ\nSHORT=\n\
        2026-11-26T17:45:00.123456789Z MIIEvQ\nline two\nnot ended";

    proptest! {
        #[test]
        fn lines_are_whole_and_clean_wherever_they_are_cut(cuts in prop::collection::vec(0..LOG.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.extend([0, LOG.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> =
                cuts.windows(2).map(|cut| &LOG.as_bytes()[cut[0]..cut[1]]).collect();
            let all = told(&pieces, |_| true).join("\n");
            let lines: Vec<&str> = all.split('\n').filter(|line| !line.starts_with('(')).collect();
            prop_assert_eq!(lines, ["line one", "DB_PASSWORD=[redacted] ünd", "line two"]);
        }
    }

    #[test]
    fn what_is_not_taken_or_too_much_is_said() {
        let told_of = told(&[b"a.\nb.\n", b"c.\n", b"d.\n"], |nth| nth > 1);
        assert_eq!(told_of, ["(2 lines are not shown)\nc.", "d."]);
        let long = "x y".repeat(1 << 10);
        let told_of = told(&[format!("{long}\n{long}\n").as_bytes(), b"y.\n"], |_| true);
        assert_eq!(told_of, [format!("(1 lines are not shown)\n{long}"), "y.".to_owned()]);
        let endless = "x y".repeat(8 << 10);
        let told_of = told(&[endless.as_bytes(), endless.as_bytes(), b"\nz.\n"], |_| true);
        assert_eq!(told_of, ["(1 lines are not shown)\nz."]);
    }
}
