//! The tools that a function has, as the operator has written them down.
//!
//! Enters: a list of definitions (AgentCore Gateway, `ToolDefinition`). Leaves: definitions as `tools/list` has
//! them. Never: a tool that no client could call.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// The most tools of one function.
const MOST: usize = 256;
/// What a definition may have, besides what it must.
const MORE: [&str; 4] = ["outputSchema", "annotations", "title", "_meta"];

/// Reads a list of definitions, alone or under `tools`.
///
/// # Errors
/// What is wrong with which.
pub(super) fn read(list: &Value) -> Result<Vec<Value>, String> {
    let list = list.get("tools").unwrap_or(list);
    let Some(list) = list.as_array() else {
        return Err("it is no list of tools: `[{ \"name\": …, \"inputSchema\": … }]`".to_owned());
    };
    if list.is_empty() || list.len() > MOST {
        return Err(format!("it has {} tools; 1 to {MOST} are taken", list.len()));
    }
    let mut names = HashSet::new();
    let mut tools = Vec::with_capacity(list.len());
    for (n, tool) in list.iter().enumerate() {
        let tool = definition(tool).map_err(|why| format!("tool {}: {why}", n + 1))?;
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        if !names.insert(name.to_owned()) {
            return Err(format!("two tools are called `{name}`"));
        }
        tools.push(tool);
    }
    Ok(tools)
}

fn definition(tool: &Value) -> Result<Value, String> {
    let members = tool.as_object().ok_or("it is no object")?;
    let text = |key: &str| members.get(key).and_then(Value::as_str);
    let name = text("name").ok_or("it has no name")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) || name.contains("___") {
        return Err(format!(
            "`{name}` is no name: letters, digits, `_`, `-` and `.`, at most 64, and no `___`"
        ));
    }
    let schema =
        members.get("inputSchema").ok_or_else(|| format!("`{name}` has no inputSchema"))?;
    if schema.get("type") != Some(&json!("object")) {
        return Err(format!("the inputSchema of `{name}` is not of the type `object`"));
    }
    let known = |key: &str| matches!(key, "name" | "description" | "inputSchema");
    if let Some(stranger) = members.keys().find(|key| !known(key) && !MORE.contains(&key.as_str()))
    {
        return Err(format!("`{name}` has `{stranger}`, which means nothing"));
    }
    let mut made = Map::new();
    made.insert("name".to_owned(), name.into());
    made.insert("description".to_owned(), text("description").unwrap_or_default().into());
    made.insert("inputSchema".to_owned(), schema.clone());
    for key in MORE {
        if let Some(value) = members.get(key) {
            made.insert(key.to_owned(), value.clone());
        }
    }
    Ok(Value::Object(made))
}
