//! What the elements of a page are to a reader.
//!
//! Enters: a tag. Leaves: whether it is left out, and how many lines it breaks. Never: state.

use crate::html::Tag;

/// Elements that say nothing to a reader.
const HIDDEN: [&str; 12] = [
    "nav",
    "header",
    "footer",
    "form",
    "button",
    "select",
    "svg",
    "iframe",
    "object",
    "head",
    "awsdocs-page-header",
    "awsdocs-language-banner",
];
/// The same by class or id, on the pages of AWS.
const HIDDEN_PARTS: [&str; 6] = [
    "prev-next",
    "main-col-footer",
    "awsdocs-page-utilities",
    "awsdocs-copyright",
    "feedback",
    "breadcrumb",
];

/// Whether an element is left out, with everything in it.
pub(super) fn is_hidden(tag: &Tag) -> bool {
    let is_part = |part: &str| HIDDEN_PARTS.contains(&part);
    HIDDEN.contains(&tag.name.as_str())
        || tag.classes().any(is_part)
        || tag.attribute("id").is_some_and(is_part)
}

/// How many lines an element breaks.
pub(super) fn breaks(name: &str) -> usize {
    match name {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "dl" | "dd" | "section"
        | "figure" | "details" => 2,
        "div" | "li" | "article" | "main" | "tbody" | "thead" | "summary" | "figcaption" => 1,
        _ => 0,
    }
}
