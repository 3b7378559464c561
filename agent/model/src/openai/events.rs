//! Server-sent events, from bytes in whatever pieces they come.
//!
//! In: bytes. Out: the data of each event, as soon as its last byte is there. Never: an event
//! larger than agreed; a byte lost between two pieces.

use crate::{Fault, ModelError};

/// Bytes of an event.
const MOST: usize = 1 << 20;

/// The mark that a text may begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Hears the data of an event.
pub(super) type Each<'a> = &'a mut dyn FnMut(&str) -> Result<(), ModelError>;

/// A stream of events that is being read.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a carriage return: a line feed now ends nothing more.
    returned: bool,
    /// A line has been read.
    begun: bool,
}

// === impl Events ===

impl Events {
    /// Takes more bytes, and hands on each event that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8], each: Each<'_>) -> Result<(), ModelError> {
        let mut rest = bytes;
        if self.returned && !rest.is_empty() {
            self.returned = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let Some((line, after)) = rest.split_at_checked(at) else { break };
            self.hold(line)?;
            self.line(each)?;
            rest = match after {
                [b'\r'] => {
                    self.returned = true;
                    &[]
                }
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.hold(rest)
    }

    /// No more bytes come. What was not ended by an empty line counts all the same: some servers
    /// forget the last one.
    pub(super) fn end(&mut self, each: Each<'_>) -> Result<(), ModelError> {
        if !self.line.is_empty() {
            self.line(each)?;
        }
        self.dispatch(each)
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        if self.line.len() + self.data.len() + bytes.len() > MOST {
            let says = format!("the model server sent an event of more than {MOST} bytes");
            return Err(ModelError::new(Fault::Protocol, says));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self, each: Each<'_>) -> Result<(), ModelError> {
        let line = std::mem::take(&mut self.line);
        let first = !std::mem::replace(&mut self.begun, true);
        let unmarked = line.strip_prefix(MARK).filter(|_| first);
        let line = unmarked.unwrap_or(&line);
        if line.is_empty() {
            return self.dispatch(each);
        }
        let data = match line {
            b"data" => &[][..],
            other => match other.strip_prefix(b"data:") {
                Some(data) => data.strip_prefix(b" ").unwrap_or(data),
                // Comments, and fields that mean nothing here.
                None => return Ok(()),
            },
        };
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(data);
        Ok(())
    }

    fn dispatch(&mut self, each: Each<'_>) -> Result<(), ModelError> {
        let data = std::mem::take(&mut self.data);
        if !std::mem::take(&mut self.has_data) {
            return Ok(());
        }
        each(std::str::from_utf8(&data).map_err(|_| garbage())?)
    }
}

/// What came is not what was agreed.
pub(super) fn garbage() -> ModelError {
    ModelError::new(Fault::Protocol, "the model server sent something that is no chat completion")
}

#[cfg(test)]
mod tests {
    //! Events are the same however their bytes are split.

    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<String>, ModelError> {
        let mut events = Events::default();
        let mut all = Vec::new();
        let mut each = |data: &str| {
            all.push(data.to_owned());
            Ok(())
        };
        for piece in pieces {
            events.feed(piece, &mut each)?;
        }
        events.end(&mut each)?;
        Ok(all)
    }

    #[test]
    fn fields_comments_and_all_line_ends_are_read() {
        let text = "\u{feff}: hi\r\ndata: a\r\ndata:b\r\n\r\nevent: x\rdata\r\rid: 1\n\ndata:  ä\n\n\
                    data: last";
        let read = read(&[text.as_bytes()]);
        assert_eq!(read.as_deref(), Ok(&["a\nb", "", " ä", "last"].map(str::to_owned)[..]));
    }

    #[test]
    fn an_event_that_never_ends_is_refused() {
        let piece = vec![b'x'; 1 << 16];
        let pieces = vec![piece.as_slice(); 20];
        assert_eq!(read(&pieces).map_err(|error| error.fault), Err(Fault::Protocol));
        let line = [b"data:".as_slice(), &piece, b"\n"].concat();
        let lines = vec![line.as_slice(); 20];
        assert_eq!(read(&lines).map_err(|error| error.fault), Err(Fault::Protocol));
        assert_eq!(read(&[b"data: \xff\n\n"]).map_err(|error| error.fault), Err(Fault::Protocol));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            text in "(data: ?[äa:]{0,3}|:c|id: 1|)((\r\n|\r|\n)(data: ?[äa:]{0,3}|:c|)){0,8}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.push(0);
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[bytes]));
        }
    }
}
