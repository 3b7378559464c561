//! YAML text becomes a tree with positions.
//!
//! In: the text of a file and the environment. Out: the tree, and every mistake
//! of form: syntax, keys written twice, substitutions that fail, and the YAML
//! features a configuration may not use. It never resolves anchors or merges
//! keys, and stops at a depth of 32, so a small file cannot become a large tree.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_json::Value;

use super::code;
use super::expand::{self, Env, Fault};
use super::report::{Mistake, Position, quote};
use super::tree::{Body, Entry, List, Map, Node, Scalar};

/// Deepest nesting taken; the schema itself needs six.
const DEPTH: usize = 32;

/// What the text became.
pub(crate) struct Reading {
    /// `None` when there is nothing to go on with.
    pub(crate) tree: Option<Node>,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Reads one YAML document.
pub(crate) fn read(text: &str, env: Env<'_>) -> Reading {
    let mut builder =
        Builder { env, lines: text.lines().collect(), open: vec![], root: None, mistakes: vec![] };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(next) => next,
            Err(error) => return Reading { tree: None, mistakes: vec![syntax(&error)] },
        };
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                builder.refuse_feature(
                    position(span),
                    "a second document",
                    "keep one document per file: remove everything from this `---` on",
                );
                break;
            }
        }
        if builder.open.len() > DEPTH {
            return Reading { tree: None, mistakes: vec![too_deep(position(span))] };
        }
        builder.take(event, span);
    }
    Reading { tree: builder.root, mistakes: builder.mistakes }
}

struct Builder<'a> {
    env: Env<'a>,
    lines: Vec<&'a str>,
    open: Vec<Open>,
    root: Option<Node>,
    mistakes: Vec<Mistake>,
}

/// A list or mapping whose end has not been seen.
enum Open {
    List { at: Position, items: Vec<Node> },
    Map { at: Position, entries: Vec<Entry>, first: HashMap<String, usize>, key: Option<Key> },
}

struct Key {
    name: String,
    at: Position,
    /// The key was refused, so its value is left out without another word.
    refused: bool,
}

// === impl Builder ===

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        let at = position(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let at = self.trimmed(at);
                self.refuse_marks(at, anchor, tag.is_some());
                self.scalar(&text, matches!(style, ScalarStyle::Plain), at);
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_marks(at, anchor, tag.is_some());
                self.open.push(Open::List { at, items: Vec::new() });
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_marks(at, anchor, tag.is_some());
                self.open.push(Open::Map { at, entries: vec![], first: HashMap::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) => {
                self.refuse_feature(
                    at,
                    "an alias",
                    "write the value out; `defaults` holds what all targets share",
                );
                self.place(Node { at, body: Body::Hole });
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }

    fn scalar(&mut self, written: &str, plain: bool, at: Position) {
        if matches!(self.open.last(), Some(Open::Map { key: None, .. })) {
            self.key(written, plain, at);
            return;
        }
        let body = match expand::expand(written, self.env) {
            Ok(text) => Body::Scalar(Scalar {
                written: written.to_owned(),
                text,
                plain,
                value: Value::Null,
            }),
            Err(faults) => {
                for fault in &faults {
                    self.refuse_substitution(fault, at);
                }
                Body::Hole
            }
        };
        self.place(Node { at, body });
    }

    fn key(&mut self, name: &str, plain: bool, at: Position) {
        let is_merge = plain && name == "<<";
        if is_merge {
            self.refuse_feature(
                at,
                "a merge key",
                "write the values out; `defaults` holds what all targets share",
            );
        }
        let Some(Open::Map { first, key, at: map_at, .. }) = self.open.last_mut() else { return };
        if map_at.len == 0 {
            *map_at = at;
        }
        let earlier = first.get(name).copied();
        *key = Some(Key { name: name.to_owned(), at, refused: is_merge || earlier.is_some() });
        match earlier {
            None => {
                first.insert(name.to_owned(), at.line);
            }
            Some(line) => self.mistakes.push(
                Mistake::new(code::DUPLICATE, at, format!("key {} is written twice", quote(name)))
                    .label("second time here")
                    .help(format!("it is on line {line} already; keep one of the two")),
            ),
        }
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(Key { name, at, refused: false }) => {
                    entries.push(Entry { key: name, key_at: at, value: node });
                }
                Some(Key { refused: true, .. }) => {}
                None => {
                    *key = Some(Key { name: String::new(), at: node.at, refused: true });
                    self.refuse_feature(node.at, "a key that is not text", "keys are plain words");
                }
            },
        }
    }

    fn close(&mut self) {
        let node = match self.open.pop() {
            None => return,
            Some(Open::List { at, items }) => {
                Node { at: visible(at), body: Body::List(List { items, holed: false }) }
            }
            Some(Open::Map { at, entries, .. }) => {
                Node { at: visible(at), body: Body::Map(Map { entries, dropped: Vec::new() }) }
            }
        };
        self.place(node);
    }

    fn refuse_marks(&mut self, at: Position, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.refuse_feature(
                at,
                "an anchor",
                "remove the `&name`; `defaults` holds what all targets share",
            );
        }
        if tagged {
            self.refuse_feature(at, "a tag", "remove the `!tag`; quotes make a value text");
        }
    }

    fn refuse_feature(&mut self, at: Position, what: &str, help: &str) {
        let message = format!("{what} is not taken in a configuration");
        self.mistakes.push(Mistake::new(code::YAML_FEATURE, visible(at), message).help(help));
    }

    fn refuse_substitution(&mut self, fault: &Fault, scalar: Position) {
        let at = self.locate(&fault.written, scalar);
        let mistake = match &fault.unset {
            Some(name) => Mistake::new(
                code::SUBSTITUTION,
                at,
                format!("environment variable `{name}` is not set"),
            )
            .help(format!("export {name}, or write the value here; `$${{` stands for a literal `${{`")),
            None => Mistake::new(
                code::SUBSTITUTION,
                at,
                format!("{} is not a substitution", quote(&fault.written)),
            )
            .label("expected `${NAME}`")
            .help("names are letters, digits and `_`, without defaults; `$${` stands for a literal `${`"),
        };
        self.mistakes.push(mistake);
    }

    /// To the end of its line, without the blanks the parser counts to a quoted scalar.
    fn trimmed(&self, at: Position) -> Position {
        let line = self.lines.get(at.line.saturating_sub(1)).copied().unwrap_or_default();
        let text: String = line.chars().skip(at.col.saturating_sub(1)).take(at.len).collect();
        Position { len: text.trim_end().chars().count(), ..at }
    }

    /// Finds the characters at fault in the lines the scalar spans.
    fn locate(&self, written: &str, scalar: Position) -> Position {
        let skipped = scalar.line.saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate().skip(skipped) {
            let from = if index == skipped { scalar.col.saturating_sub(1) } else { 0 };
            let tail: String = line.chars().skip(from).collect();
            if let Some((before, _)) = tail.split_once(written) {
                let col = from + before.chars().count() + 1;
                return Position { line: index + 1, col, len: written.chars().count() };
            }
        }
        scalar
    }
}

fn syntax(error: &ScanError) -> Mistake {
    let marker = error.marker();
    let at = Position { line: marker.line().max(1), col: marker.col() + 1, len: 1 };
    let info = error.info();
    let help = if info.contains("mapping values") {
        "a value with `: ` inside needs quotes; otherwise check the indentation of this line"
    } else if info.contains("tab") {
        "indent with spaces"
    } else if info.contains("unexpected character") {
        "put the value in quotes"
    } else if info.contains("flow") {
        "close the bracket; inside `{ }` and `[ ]` write `\"${NAME}\"` with quotes"
    } else if info.contains("anchor") {
        "aliases are not taken; write the value out, or put it in quotes"
    } else if info.contains("recursion") {
        "close the brackets"
    } else {
        "check indentation, quotes and brackets here and on the line before"
    };
    Mistake::new(code::SYNTAX, at, format!("this is not YAML: {info}")).help(help)
}

fn too_deep(at: Position) -> Mistake {
    let message = format!("more than {DEPTH} levels of nesting");
    Mistake::new(code::TOO_LARGE, visible(at), message).help("no key lies deeper than six levels")
}

/// The first line of a span. A block mapping has length zero until its first key; a
/// scalar of several lines has no end here, until [`Builder::trimmed`] finds it.
fn position(span: Span) -> Position {
    let (start, end) = (span.start, span.end);
    let is_one_line = start.line() == end.line();
    let len = if is_one_line { end.col().saturating_sub(start.col()) } else { usize::MAX };
    Position { line: start.line(), col: start.col() + 1, len }
}

fn visible(at: Position) -> Position {
    Position { len: at.len.max(1), ..at }
}
