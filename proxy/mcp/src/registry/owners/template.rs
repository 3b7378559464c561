//! URI templates (RFC 6570), read backwards: does a URI have this form?
//!
//! Enters: a template and a URI. Leaves: yes or no. Never: the values of its variables, nor work
//! that grows faster than the length of the one times the length of the other.

/// The most parts of a template that are looked at; what comes after fits anything.
const PARTS: usize = 64;

/// A template in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    text: String,
    parts: Vec<Part>,
}

/// One part.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Just this.
    Literal(String),
    /// A simple variable: at least one byte, none of which is reserved in URIs.
    Simple,
    /// A variable with an operator or a modifier: anything, also nothing.
    Anything,
}

// === impl Template ===

impl Template {
    /// Reads a template. What is no variable, such as a brace that is not closed, is literal.
    pub(super) fn read(text: &str) -> Self {
        let (mut parts, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            if parts.len() >= PARTS {
                parts.push(Part::Anything);
                break;
            }
            let variable = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            if let Some((variable, after)) = variable {
                parts.push(Part::of(variable));
                rest = after;
                continue;
            }
            let next = rest.char_indices().skip(1).find(|(_, c)| *c == '{');
            let (literal, after) = rest.split_at(next.map_or(rest.len(), |(at, _)| at));
            parts.push(Part::Literal(literal.to_owned()));
            rest = after;
        }
        Self { text: text.to_owned(), parts }
    }

    /// Whether it is this very template.
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// Whether the URI has its form: the places in the URI that each part can end at are followed
    /// from part to part.
    pub(super) fn fits(&self, uri: &str) -> bool {
        let uri = uri.as_bytes();
        let mut ends = vec![false; uri.len() + 1];
        if let Some(start) = ends.first_mut() {
            *start = true;
        }
        for part in &self.parts {
            ends = part.after(&ends, uri);
        }
        ends.last() == Some(&true)
    }
}

// === impl Part ===

impl Part {
    fn of(variable: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%');
        let simple = !variable.is_empty() && variable.chars().all(plain);
        if simple { Self::Simple } else { Self::Anything }
    }

    /// Where this part can end, by where it can begin.
    fn after(&self, begins: &[bool], uri: &[u8]) -> Vec<bool> {
        let mut ends = vec![false; begins.len()];
        match self {
            Self::Literal(text) => {
                for (at, _) in begins.iter().enumerate().filter(|(_, begins)| **begins) {
                    let fits = uri.get(at..).is_some_and(|rest| rest.starts_with(text.as_bytes()));
                    if let Some(end) = ends.get_mut(at + text.len()).filter(|_| fits) {
                        *end = true;
                    }
                }
            }
            Self::Simple => {
                let mut open = false;
                for (at, byte) in uri.iter().enumerate() {
                    open |= begins.get(at) == Some(&true);
                    open &= !is_reserved(*byte);
                    if let Some(end) = ends.get_mut(at + 1) {
                        *end = open;
                    }
                }
            }
            Self::Anything => {
                let mut open = false;
                for (begins, end) in begins.iter().zip(&mut ends) {
                    open |= begins;
                    *end = open;
                }
            }
        }
        ends
    }
}

/// What a simple variable leaves encoded (RFC 6570 section 3.2.2; RFC 3986 section 2.2).
fn is_reserved(byte: u8) -> bool {
    b":/?#[]@!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    //! What fits and what does not.

    use super::Template;

    #[test]
    fn a_uri_fits_its_template_and_no_other() {
        let cases = [
            ("test://template/{id}/data", "test://template/123/data", true),
            ("test://template/{id}/data", "test://template/1/2/data", false),
            ("test://template/{id}/data", "test://template//data", false),
            ("test://template/{id}/data", "test://template/123/data/more", false),
            ("file:///{+path}", "file:///a/b/c.txt", true),
            ("file:///{path*}", "file:///a,b", true),
            ("db://{table}{?limit,offset}", "db://users?limit=3", true),
            ("db://{table}{?limit,offset}", "db://users", true),
            ("{a}-{b}", "x-y-z", true),
            ("{a}-{b}", "xyz", false),
            ("plain", "plain", true),
            ("plain", "plainer", false),
            ("open{", "open{", true),
            ("", "", true),
            ("a{x}\u{fc}", "a1\u{fc}", true),
        ];
        for (template, uri, wanted) in cases {
            assert_eq!(Template::read(template).fits(uri), wanted, "{template} {uri}");
        }
        assert!(Template::read("a/{b}").is("a/{b}"));
    }

    #[test]
    fn a_long_template_and_a_long_uri_are_soon_compared() {
        let template = Template::read(&"{+a}x".repeat(1000));
        assert!(!template.fits(&"y".repeat(4096)));
        assert!(template.fits(&"x".repeat(4096)));
    }
}
