//! The words that policies may use.
//!
//! Enters: the claims that are configured. Leaves: a Cedar schema. Never: a word for something that a
//! decision does not have.

use std::fmt::Write as _;

use toolgate_call::ClaimKind;

/// Everything but the claims. Values of arguments are tags, by their place in JSON (RFC 6901): which there
/// are, only the tools know.
const WORDS: &str = r#"
entity Issuer;
entity Target;
entity Caller in [Issuer] {
    issuer: String,
    subject: String,
    client?: String,
    scopes: Set<String>,
    claims: Claims,
};
entity Tool in [Target] {
    name: String,
    target: String,
    read_only?: Bool,
    idempotent?: Bool,
};
entity Prompt in [Target] { name: String, target: String };
entity Resources in [Target] { target: String };
entity Texts tags String;
entity Numbers tags Long;
entity Flags tags Bool;
entity Lists tags Set<String>;
type Arguments = {
    texts: Texts,
    numbers: Numbers,
    flags: Flags,
    lists: Lists,
    others: Set<String>,
};
action call appliesTo {
    principal: Caller,
    resource: [Tool, Prompt, Resources],
    context: { server?: String, arguments: Arguments },
};
"#;

/// What an entity or the context may have, besides claims.
pub(super) const ATTRIBUTES: [&str; 16] = [
    "issuer",
    "subject",
    "client",
    "scopes",
    "claims",
    "name",
    "target",
    "read_only",
    "idempotent",
    "server",
    "arguments",
    "texts",
    "numbers",
    "flags",
    "lists",
    "others",
];

/// The schema, as Cedar writes it.
pub(super) fn text(claims: &[(String, ClaimKind)]) -> String {
    let mut text = WORDS.to_owned();
    text.push_str("type Claims = {");
    for (name, kind) in claims {
        let kind = match kind {
            ClaimKind::Text => "String",
            ClaimKind::Number => "Long",
            ClaimKind::Bool => "Bool",
            ClaimKind::List => "Set<String>",
        };
        // Writing into a text cannot fail.
        let _written = write!(text, "\n    \"{}\"?: {kind},", name.escape_default());
    }
    text.push_str("\n};\n");
    text
}
