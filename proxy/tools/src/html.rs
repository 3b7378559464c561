//! HTML as a row of pieces.
//!
//! Enters: a page, however broken. Leaves: tags and texts in order, entities resolved. Never: a tree
//! (a page cannot make it deep), or what stands in scripts and styles.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A tag that opens, its name in lower case.
    Start(Tag),
    /// A tag that closes, by its name.
    End(String),
    /// Text, spaces as written.
    Text(String),
}

/// A tag that opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Its name in lower case.
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
}

// === impl Tag ===

impl Tag {
    fn new(tag: &StartTag<()>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let attributes = tag.attributes.iter();
        let attributes = attributes.map(|(name, value)| (text(name), text(&value.value)));
        Self { name: text(&tag.name), attributes: attributes.collect() }
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether `class` is one of its classes.
    pub(crate) fn has_class(&self, class: &str) -> bool {
        self.classes().any(|one| one == class)
    }

    /// Its classes.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &str> {
        self.attribute("class").unwrap_or_default().split_ascii_whitespace()
    }
}

/// The pieces of a page.
pub(crate) fn pieces(page: &str) -> impl Iterator<Item = Piece> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut hidden: Option<Vec<u8>> = None;
    let tokens = Tokenizer::new_with_emitter(page, emitter);
    tokens.filter_map(Result::ok).filter_map(move |token| match token {
        Token::StartTag(tag) => {
            if matches!(&tag.name[..], b"script" | b"style" | b"template" | b"noscript") {
                hidden = Some(tag.name.to_vec());
            }
            hidden.is_none().then(|| Piece::Start(Tag::new(&tag)))
        }
        Token::EndTag(tag) => {
            if hidden.as_deref() == Some(&tag.name[..]) {
                hidden = None;
                return None;
            }
            let name = String::from_utf8_lossy(&tag.name).into_owned();
            hidden.is_none().then_some(Piece::End(name))
        }
        Token::String(text) => {
            let text = String::from_utf8_lossy(&text).into_owned();
            hidden.is_none().then_some(Piece::Text(text))
        }
        Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => None,
    })
}

/// Text with its spaces run together.
pub(crate) fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of a piece of HTML, without its tags.
pub(crate) fn text(html: &str) -> String {
    let texts = pieces(html).filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Start(_) | Piece::End(_) => None,
    });
    squeezed(&texts.collect::<String>())
}

#[cfg(test)]
mod tests {
    //! What is left of a page.

    use super::{Piece, pieces, text};

    #[test]
    fn scripts_are_no_text_and_entities_are_resolved() {
        let page =
            "<p class='a b'>x &amp; <b>y</b><script>if (a < b) '</b>'</script> z<style>q</style>";
        assert_eq!(text(page), "x & y z");
        let Some(Piece::Start(tag)) = pieces(page).next() else { panic!("no tag") };
        assert!(tag.has_class("b") && !tag.has_class("ab"));
        assert_eq!(text("<script>never closed"), "");
    }
}
