//! Tools that may change something.
//!
//! In: a tool's name, the user's words. Out: whether it may be chosen. Never: a tool that deletes,
//! scales or restarts because the question only sounded like it.

use super::words::{Word, parts};

/// What changes something.
const VERBS: &[&str] = &[
    "add",
    "apply",
    "attach",
    "cancel",
    "cordon",
    "create",
    "delete",
    "deploy",
    "destroy",
    "detach",
    "disable",
    "drain",
    "drop",
    "edit",
    "enable",
    "evict",
    "exec",
    "execute",
    "insert",
    "invoke",
    "kill",
    "modify",
    "patch",
    "post",
    "publish",
    "purge",
    "put",
    "reboot",
    "remove",
    "replace",
    "reset",
    "restart",
    "revoke",
    "rollback",
    "run",
    "scale",
    "send",
    "set",
    "shutdown",
    "start",
    "stop",
    "terminate",
    "update",
    "upgrade",
    "upload",
    "write",
];

/// What a wish does not begin with.
const ASKS: &[&str] = &[
    "why", "what", "when", "how", "which", "who", "where", "did", "does", "do", "is", "are", "was",
    "were", "has", "have", "show", "list", "tell", "describe", "explain", "if", "should",
];

/// Whether the user's words allow for this tool.
pub(super) fn may_choose(tool: &str, asked: &[Word<'_>]) -> bool {
    let own = tool.rsplit("___").next().unwrap_or(tool);
    let mut verbs = parts(own).into_iter().filter(|part| VERBS.contains(&part.as_str())).peekable();
    if verbs.peek().is_none() {
        return true;
    }
    let negated = asked.iter().any(|word| matches!(word.low.as_str(), "not" | "don't" | "never"));
    let asks = asked.first().is_some_and(|word| ASKS.contains(&word.low.as_str()));
    !negated && !asks && verbs.all(|verb| asked.iter().any(|word| word.low == verb))
}

#[cfg(test)]
mod tests {
    //! Only who says the verb gets the tool.

    use super::super::words::words;
    use super::*;

    #[test]
    fn a_tool_that_changes_needs_its_verb_as_a_wish() {
        let may = |tool: &str, asked: &str| may_choose(tool, &words(asked));
        assert!(may("k8s___list_pods", "get rid of the pods"));
        assert!(may("k8s___delete_pod", "please delete pod web-1"));
        assert!(!may("k8s___delete_pod", "get rid of pod web-1"));
        assert!(!may("k8s___delete_pod", "do not delete pod web-1"));
        assert!(!may("k8s___restart_rollout", "why did the pod restart?"));
        assert!(!may("k8s___restart_rollout", "how many restarts has web?"));
        assert!(may("k8s___scale", "scale deployment web to 3"));
        assert!(!may("putObject", "object web"));
    }
}
