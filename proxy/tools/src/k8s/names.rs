//! Names of Kubernetes.
//!
//! Enters: a name as a caller wrote it. Leaves: whether Kubernetes could have given it. Never: a
//! correction.

use crate::error::ToolError;

/// A label (RFC 1123, 2.1, as Kubernetes has it): a namespace, a container.
///
/// # Errors
/// The sentence for the model, about that argument.
pub(super) fn label(argument: &str, name: &str) -> Result<(), ToolError> {
    if is_label(name) {
        return Ok(());
    }
    let why =
        "must be 1 to 63 lower-case letters, digits and `-`, with a letter or digit at both ends";
    Err(ToolError::argument(argument, why))
}

/// The same if it is given.
pub(super) fn some_label(argument: &str, name: Option<&str>) -> Result<(), ToolError> {
    name.map_or(Ok(()), |name| label(argument, name))
}

/// A subdomain (RFC 1123): a pod, a node, a workload.
///
/// # Errors
/// The sentence for the model, about that argument.
pub(super) fn subdomain(argument: &str, name: &str) -> Result<(), ToolError> {
    if name.len() <= 253 && name.split('.').all(is_part) {
        return Ok(());
    }
    let why = "must be at most 253 lower-case letters, digits, `-` and `.`, with a letter or digit at \
               both ends of each part";
    Err(ToolError::argument(argument, why))
}

fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

fn is_part(part: &str) -> bool {
    let end = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let bytes = part.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    end(bytes.first()) && end(bytes.last()) && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    //! What is a name.

    use super::{label, subdomain};

    #[test]
    fn names_are_those_of_rfc_1123() {
        for good in ["a", "0", "kube-system", "a-0"] {
            label("n", good).unwrap();
            subdomain("n", &format!("{good}.{good}")).unwrap();
        }
        let long = "a".repeat(64);
        for wrong in ["", "A", "-a", "a-", "a.b", "a/b", "..", "a_b", "é", "a%2F", &long] {
            label("n", wrong).expect_err(wrong);
        }
        let long = "a".repeat(254);
        for wrong in ["", ".", "a..b", "../a", "a.-b", "a?b", "a/log", &long] {
            subdomain("n", wrong).expect_err(wrong);
        }
    }
}
