//! Where messages wait for standard error.
//!
//! Enters: text, from any thread. Leaves: the same on standard error, written by a thread of its
//! own; what finds no room is dropped, and how much that was is said. Never: a wait for the reader.

use std::io::{self, Write};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that may wait.
const ROOM: usize = 256 * 1024;

/// The one of this process, as there is one standard error.
static OUTBOX: LazyLock<Outbox> = LazyLock::new(|| Outbox::new(ROOM));
/// The thread that empties it; `false` when the system gave none.
static WRITER: LazyLock<bool> = LazyLock::new(|| {
    let run = || OUTBOX.write_to(&mut io::stderr());
    thread::Builder::new().name("diagnostics".to_owned()).spawn(run).is_ok()
});

/// A bounded queue of text.
#[derive(Debug)]
pub(super) struct Outbox {
    state: Mutex<State>,
    changed: Condvar,
    room: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    writing: bool,
    dropped: u64,
}

// === impl Outbox ===

impl Outbox {
    const fn new(room: usize) -> Self {
        let state = State { waiting: Vec::new(), writing: false, dropped: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), room }
    }

    /// The one of this process, with its thread running.
    pub(super) fn get() -> &'static Self {
        LazyLock::force(&WRITER);
        &OUTBOX
    }

    /// Leaves text to be written, whole or not at all.
    pub(super) fn push(&self, text: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + text.len() > self.room {
            state.dropped += 1;
        } else {
            state.waiting.extend_from_slice(text);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until nothing waits, at most so long.
    pub(super) fn flush(&self, limit: Duration) {
        let is_busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        let waited = self.changed.wait_timeout_while(self.lock(), limit, is_busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Empties it for ever.
    fn write_to(&self, out: &mut dyn Write) {
        loop {
            self.write_once(out);
        }
    }

    /// Waits for text, and writes it.
    fn write_once(&self, out: &mut dyn Write) {
        let is_idle = |state: &mut State| state.waiting.is_empty() && state.dropped == 0;
        let waited = self.changed.wait_while(self.lock(), is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let mut text = std::mem::take(&mut state.waiting);
        let dropped = std::mem::take(&mut state.dropped);
        state.writing = true;
        drop(state);
        if dropped > 0 {
            text.extend_from_slice(format!("({dropped} messages found no room)\n").as_bytes());
        }
        // There is nowhere else to say that it failed.
        let _written = out.write_all(&text).and_then(|()| out.flush());
        self.lock().writing = false;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One write is one message: that is how `tracing-subscriber` formats.
impl Write for &Outbox {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.push(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! Room, order and patience.

    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::Outbox;

    /// A reader that has stopped reading, until it is let go.
    struct Stuck {
        begun: Sender<()>,
        go: Receiver<()>,
        seen: Sender<Vec<u8>>,
    }

    impl Write for Stuck {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.begun.send(()).ok();
            self.go.recv().ok();
            self.seen.send(text.to_vec()).ok();
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_is_stuck_and_what_was_dropped_is_said() {
        let outbox = Outbox::new(8);
        let ((begun, has_begun), (let_go, go)) = (channel(), channel());
        let (seen, written) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut out = Stuck { begun, go, seen };
                outbox.write_once(&mut out);
                outbox.write_once(&mut out);
            });
            outbox.push(b"first\n");
            has_begun.recv().unwrap();
            outbox.push(b"second\n");
            outbox.push(b"third\n");
            outbox.flush(Duration::from_millis(1));
            let_go.send(()).unwrap();
            let_go.send(()).unwrap();
            outbox.flush(Duration::from_secs(60));
        });
        let text: Vec<u8> = written.iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "first\nsecond\n(1 messages found no room)\n");
    }
}
