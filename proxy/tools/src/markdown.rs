//! A page of HTML as Markdown.
//!
//! Enters: a page, however broken, and how its links are to be read. Leaves: its title, and its
//! content as headings, paragraphs, lists, tables and code. Never: a tree, so a page cannot make it
//! deep; navigation, forms or scripts; or a link that leads to no page of the web.

mod tags;
mod writer;

use crate::html::{Piece, Tag, pieces, squeezed};
use writer::Writer;

/// Where the content of a page may be: the first of these that it has. All but the last two are
/// how the pages of AWS are written.
const ROOTS: [fn(&Tag) -> bool; 6] = [
    |tag| tag.attribute("id") == Some("main-col-body"),
    |tag| tag.attribute("id") == Some("awsdocs-content"),
    |tag| tag.attribute("id") == Some("main-content"),
    |tag| tag.name == "main",
    |tag| tag.name == "article",
    |tag| tag.name == "body",
];

/// What a page says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// Its title; may be empty.
    pub(crate) title: String,
    /// Its content in Markdown.
    pub(crate) text: String,
    /// Where it sends its readers (`<meta http-equiv="refresh">`), as written.
    pub(crate) refresh: Option<String>,
}

/// Reads a page. `link` turns what stands in `href` into a whole URL.
pub(crate) fn document(page: &str, link: impl Fn(&str) -> Option<String>) -> Document {
    let pieces: Vec<Piece> = pieces(page).collect();
    let mut writer = Writer::new(link);
    content(&pieces).iter().for_each(|piece| writer.take(piece));
    let refresh = pieces.iter().find_map(|piece| match piece {
        Piece::Start(tag) => Some(tag).filter(|tag| tag.name == "meta").and_then(refresh),
        Piece::End(_) | Piece::Text(_) => None,
    });
    Document { title: title(&pieces), text: writer.finish(), refresh }
}

/// The pieces between the tags of the element that holds the content.
fn content(pieces: &[Piece]) -> &[Piece] {
    let is_root = |root: fn(&Tag) -> bool| {
        pieces.iter().position(|piece| matches!(piece, Piece::Start(tag) if root(tag)))
    };
    let Some(from) = ROOTS.into_iter().find_map(is_root) else { return pieces };
    let (Some(Piece::Start(root)), Some(rest)) = (pieces.get(from), pieces.get(from + 1..)) else {
        return pieces;
    };
    let mut open = 1_usize;
    let end = rest.iter().position(|piece| {
        match piece {
            Piece::Start(tag) => open += usize::from(tag.name == root.name),
            Piece::End(name) => open -= usize::from(*name == root.name),
            Piece::Text(_) => {}
        }
        open == 0
    });
    end.and_then(|end| rest.get(..end)).unwrap_or(rest)
}

fn title(pieces: &[Piece]) -> String {
    let is_title = |piece: &Piece| matches!(piece, Piece::Start(tag) if tag.name == "title");
    let within = pieces.iter().skip_while(|piece| !is_title(piece)).skip(1);
    let texts = within.map_while(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        Piece::Start(_) | Piece::End(_) => None,
    });
    squeezed(&texts.collect::<String>())
}

/// `5; URL=other.html` (HTML, "Refresh state").
fn refresh(meta: &Tag) -> Option<String> {
    meta.attribute("http-equiv").filter(|of| of.eq_ignore_ascii_case("refresh"))?;
    let (_, target) = meta.attribute("content")?.split_once(';')?;
    let (name, url) = target.trim().split_once('=')?;
    let url = url.trim().trim_matches(['\'', '"']);
    (name.trim().eq_ignore_ascii_case("url") && !url.is_empty()).then(|| url.to_owned())
}

#[cfg(test)]
mod tests;
