//! Markdown, as the pieces of a page come by.
//!
//! Enters: tags and texts. Leaves: Markdown. Never: more than a bound of it, or a mark that opens and
//! is not closed around a text.

use std::fmt::Write as _;

use super::tags::{breaks, is_hidden};
use crate::html::{Piece, Tag, squeezed};

/// The most that is written, in bytes; what follows is left out.
const MOST_BYTES: usize = 4 << 20;
/// Lists within lists that are shown as such.
const MOST_INDENT: usize = 8;

/// Marks that wait for a text at once; more of them say nothing.
const MOST_MARKS: usize = 16;
/// Marks that open and close alike.
const PAIRS: [&str; 3] = ["**", "*", "`"];

/// Writes Markdown.
pub(super) struct Writer<L> {
    out: String,
    link: L,
    /// Lines that are to be broken before the next text.
    gap: usize,
    /// Whether a space is to stand before the next text.
    space: bool,
    /// Whether an item of a list has just begun: what stands first in it does not break the line.
    is_fresh: bool,
    /// Marks that open before the next text.
    opening: Vec<&'static str>,
    /// How many of bold, italic and code are open.
    open: [usize; 3],
    /// The lists that are open.
    lists: Vec<List>,
    /// Where the open link leads.
    target: Option<String>,
    /// What is open of `<pre>`, and how many.
    pre: Option<(String, usize)>,
    code: usize,
    table: Table,
    /// The element that is left out, and how many of its name are open.
    hidden: Option<(String, usize)>,
}

/// A list: the next number of one with numbers, and how many items it has so far.
#[derive(Clone, Copy)]
struct List {
    number: Option<usize>,
    items: usize,
}

/// Where in a table the writer is.
#[derive(Default)]
struct Table {
    open: usize,
    rows: usize,
    cells: usize,
    in_cell: bool,
}

// === impl Writer ===

impl<L: Fn(&str) -> Option<String>> Writer<L> {
    pub(super) fn new(link: L) -> Self {
        Self {
            out: String::new(),
            link,
            gap: 0,
            space: false,
            is_fresh: false,
            opening: Vec::new(),
            open: [0; 3],
            lists: Vec::new(),
            target: None,
            pre: None,
            code: 0,
            table: Table::default(),
            hidden: None,
        }
    }

    pub(super) fn take(&mut self, piece: &Piece) {
        if self.out.len() > MOST_BYTES || self.is_hidden(piece) {
            return;
        }
        match piece {
            Piece::Start(tag) => self.start(tag),
            Piece::End(name) => self.end(name),
            Piece::Text(text) => self.text(text),
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.end_pre();
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        self.out
    }

    /// Whether a piece belongs to what is left out.
    fn is_hidden(&mut self, piece: &Piece) -> bool {
        if let Some((name, open)) = &mut self.hidden {
            match piece {
                Piece::Start(tag) => *open += usize::from(tag.name == *name),
                Piece::End(closed) => *open -= usize::from(closed == name),
                Piece::Text(_) => {}
            }
            if *open == 0 {
                self.hidden = None;
            }
            return true;
        }
        let Piece::Start(tag) = piece else { return false };
        if is_hidden(tag) {
            self.hidden = Some((tag.name.clone(), 1));
        }
        self.hidden.is_some()
    }

    fn start(&mut self, tag: &Tag) {
        if let Some((_, open)) = &mut self.pre {
            *open += usize::from(tag.name == "pre");
            return;
        }
        match tag.name.as_str() {
            "h1" => self.heading("# "),
            "h2" => self.heading("## "),
            "h3" => self.heading("### "),
            "h4" | "h5" | "h6" => self.heading("#### "),
            "ul" => self.list(None),
            "ol" => self.list(Some(1)),
            "li" => self.item(),
            "pre" if !self.table.in_cell => {
                self.block(2);
                self.pre = Some((String::new(), 1));
            }
            "b" | "strong" | "dt" => {
                self.block(usize::from(tag.name == "dt") * 2);
                self.opens("**");
            }
            "i" | "em" => self.opens("*"),
            "code" | "kbd" | "samp" | "tt" => {
                if self.code == 0 {
                    self.opens("`");
                }
                self.code += 1;
            }
            "a" => self.open_link(tag),
            "br" => self.block(1),
            "hr" => self.block(2),
            "img" => self.image(tag),
            "table" | "tr" | "td" | "th" => self.open_table(&tag.name),
            name => self.block(breaks(name)),
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((_, open)) = &mut self.pre {
            *open -= usize::from(name == "pre");
            if *open == 0 {
                self.end_pre();
            }
            return;
        }
        match name {
            "ul" | "ol" => {
                self.lists.pop();
                self.block(if self.lists.is_empty() { 2 } else { 1 });
            }
            "b" | "strong" => self.close("**"),
            "dt" => {
                self.close("**");
                self.block(1);
            }
            "i" | "em" => self.close("*"),
            "code" | "kbd" | "samp" | "tt" => {
                if self.code == 1 {
                    self.close("`");
                }
                self.code = self.code.saturating_sub(1);
            }
            "a" => {
                if let Some(target) = self.target.take()
                    && !self.forgets("[")
                {
                    let _infallible = write!(self.out, "]({target})");
                }
            }
            "table" | "tr" | "td" | "th" => self.close_table(name),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.opening.retain(|mark| !mark.starts_with('#'));
                self.block(2);
            }
            name => self.block(breaks(name)),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((code, _)) = &mut self.pre {
            code.push_str(text);
            return;
        }
        let line = squeezed(text);
        self.space |= text.starts_with(char::is_whitespace);
        if line.is_empty() {
            return;
        }
        self.before();
        if self.table.in_cell {
            self.out.push_str(&line.replace('|', "\\|"));
        } else {
            self.out.push_str(&line);
        }
        self.space = text.ends_with(char::is_whitespace);
    }

    /// What has to stand before a text.
    fn before(&mut self) {
        let is_begun = !self.out.is_empty();
        if self.is_fresh {
            self.is_fresh = false;
        } else if self.gap > 0 && is_begun {
            let end = self.out.trim_end_matches(' ').len();
            self.out.truncate(end);
            self.out.extend(std::iter::repeat_n('\n', self.gap));
            self.out.push_str(&self.indent());
        } else if self.space && is_begun && !self.out.ends_with([' ', '\n']) {
            self.out.push(' ');
        }
        (self.gap, self.space) = (0, false);
        for mark in self.opening.drain(..) {
            self.out.push_str(mark);
            if let Some(at) = PAIRS.iter().position(|pair| *pair == mark)
                && let Some(open) = self.open.get_mut(at)
            {
                *open += 1;
            }
        }
    }

    fn opens(&mut self, mark: &'static str) {
        if self.opening.len() < MOST_MARKS {
            self.opening.push(mark);
        }
    }

    /// The next text begins a line, or a paragraph; within a table it follows a space.
    fn block(&mut self, lines: usize) {
        if self.table.in_cell {
            self.space |= lines > 0;
        } else {
            self.gap = self.gap.max(lines);
        }
    }

    fn heading(&mut self, mark: &'static str) {
        self.block(2);
        if !self.table.in_cell {
            self.opens(mark);
        }
    }

    /// Forgets a mark that stands before nothing.
    fn forgets(&mut self, mark: &str) -> bool {
        let at = self.opening.iter().rposition(|one| *one == mark);
        at.map(|at| self.opening.remove(at)).is_some()
    }

    /// Closes a mark that is open.
    fn close(&mut self, mark: &str) {
        if self.forgets(mark) {
            return;
        }
        let at = PAIRS.iter().position(|pair| *pair == mark);
        if let Some(open) = at.and_then(|at| self.open.get_mut(at)).filter(|open| **open > 0) {
            *open -= 1;
            self.out.push_str(mark);
        }
    }

    fn list(&mut self, number: Option<usize>) {
        self.block(if self.lists.is_empty() { 2 } else { 1 });
        self.lists.push(List { number, items: 0 });
    }

    fn item(&mut self) {
        self.block(1);
        if self.table.in_cell {
            return;
        }
        self.is_fresh = false;
        // The indentation is that of the list around it.
        let within = self.lists.pop();
        if within.is_some_and(|list| list.items > 0) {
            self.gap = 1;
        }
        self.before();
        let number = within.and_then(|list| list.number);
        match number {
            Some(number) => {
                let _infallible = write!(self.out, "{number}. ");
            }
            None => self.out.push_str("- "),
        }
        self.lists.extend(
            within.map(|list| List {
                number: number.map(|number| number + 1),
                items: list.items + 1,
            }),
        );
        self.is_fresh = true;
    }

    fn indent(&self) -> String {
        "  ".repeat(self.lists.len().min(MOST_INDENT))
    }

    fn end_pre(&mut self) {
        let Some((code, _)) = self.pre.take() else { return };
        let code = code.trim_matches('\n').trim_end();
        if code.is_empty() {
            return;
        }
        self.gap = self.gap.max(2);
        self.before();
        let indent = self.indent();
        let fence = if code.contains("```") { "````" } else { "```" };
        self.out.push_str(fence);
        for line in code.lines() {
            let _infallible = write!(self.out, "\n{indent}{}", line.trim_end());
        }
        let _infallible = write!(self.out, "\n{indent}{fence}");
        self.gap = 2;
    }

    fn open_link(&mut self, tag: &Tag) {
        self.target = tag.attribute("href").and_then(|href| (self.link)(href));
        if self.target.is_some() {
            self.opens("[");
        }
    }

    fn image(&mut self, tag: &Tag) {
        let says = squeezed(tag.attribute("alt").unwrap_or_default());
        if !says.is_empty() {
            self.space = true;
            self.text(&format!("(image: {says}) "));
        }
    }

    fn open_table(&mut self, name: &str) {
        match name {
            "table" => {
                self.block(2);
                self.table.open += 1;
                if self.table.open == 1 {
                    self.table.rows = 0;
                }
            }
            // A table within a table is a text.
            _ if self.table.open > 1 => self.space = true,
            "tr" => {
                self.block(1);
                self.table.cells = 0;
            }
            _ => {
                self.before();
                self.out.push_str("| ");
                self.table.cells += 1;
                self.table.in_cell = true;
            }
        }
    }

    fn close_table(&mut self, name: &str) {
        match name {
            "table" => {
                self.table.open = self.table.open.saturating_sub(1);
                if self.table.open == 0 {
                    self.table.in_cell = false;
                    self.block(2);
                }
            }
            _ if self.table.open > 1 => self.space = true,
            "tr" => {
                self.table.in_cell = false;
                if self.table.cells == 0 {
                    return;
                }
                self.out.push('|');
                self.table.rows += 1;
                if self.table.rows == 1 {
                    let line = " --- |".repeat(self.table.cells);
                    let _infallible = write!(self.out, "\n|{line}");
                }
                self.block(1);
            }
            _ => {
                self.table.in_cell = false;
                if self.opening.drain(..).any(|mark| mark == "[") {
                    self.target = None;
                }
                self.space = false;
                self.out.push(' ');
            }
        }
    }
}
