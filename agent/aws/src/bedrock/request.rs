//! What Bedrock is sent.
//!
//! In: an ask. Out: the parts of a Converse request. Never: two messages of one side in a row,
//! a blank text, a wish for a tool without its result: Bedrock refuses all of them.

use std::sync::{Mutex, PoisonError};

use aws_sdk_bedrockruntime::error::BuildError;
use aws_sdk_bedrockruntime::types::{
    CachePointBlock, CachePointType, ContentBlock, ConversationRole, InferenceConfiguration,
    Message as Sent, SystemContentBlock, Tool as SentTool, ToolConfiguration, ToolInputSchema,
    ToolResultBlock, ToolResultContentBlock, ToolResultStatus, ToolSpecification, ToolUseBlock,
};
use serde_json::{Map, Value};
use toolgate_agent_model::{Ask, Input, Message, Said, Tool, ToolResult, ToolUse};

use super::document::object;

/// The longest name of a tool.
const LONGEST_NAME: usize = 64;
/// There is no way to forbid tools: without them, wishes in the conversation make no sense to
/// Bedrock, and its `toolChoice` knows no `none`.
const ANSWER: &str = "No tool can be called any more in this turn. Answer now, in words, with what \
                      the results above say, and say what is missing.";
/// What stands in for a result that never came.
const NO_RESULT: &str = "the tool was not called";
/// What stands in for a text with nothing in it.
const EMPTY: &str = "(nothing)";

/// The parts of a request.
pub(super) struct Asked {
    pub(super) system: Option<Vec<SystemContentBlock>>,
    pub(super) messages: Vec<Sent>,
    pub(super) tools: Option<ToolConfiguration>,
    pub(super) inference: InferenceConfiguration,
}

/// The tools as they were last sent. The SDK's objects have no order of their own, and each one that
/// is made has another; a cache of prompts is found again only if every byte is the same.
#[derive(Default)]
pub(super) struct Specs(Mutex<Option<(Vec<Tool>, Vec<SentTool>)>>);

/// Messages in the making: whose turn it is, and what was said.
#[derive(Default)]
struct Talk {
    messages: Vec<(ConversationRole, Vec<ContentBlock>)>,
    /// Tools that wait for their results.
    open: Vec<String>,
}

/// Makes a request.
pub(super) fn asked(ask: &Ask<'_>, caching: bool, specs: &Specs) -> Result<Asked, BuildError> {
    let mut talk = Talk::default();
    for message in ask.messages {
        talk.add(message)?;
    }
    talk.settle(&[])?;
    let tools = tools(ask, caching, specs)?;
    if ask.must_answer && tools.is_some() {
        talk.push(ConversationRole::User, ContentBlock::Text(ANSWER.to_owned()));
    }
    let tokens = i32::try_from(ask.max_tokens).unwrap_or(i32::MAX);
    let inference = InferenceConfiguration::builder()
        .temperature(ask.temperature.clamp(0.0, 1.0))
        .max_tokens(tokens.max(1))
        .build();
    Ok(Asked { system: system(ask.system, caching)?, messages: talk.end()?, tools, inference })
}

// === impl Specs ===

impl std::fmt::Debug for Specs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Specs")
    }
}

impl Specs {
    fn of(&self, tools: &[Tool]) -> Result<Vec<SentTool>, BuildError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, sent)) = &*last
            && asked == tools
        {
            return Ok(sent.clone());
        }
        let sent = tools.iter().map(spec).collect::<Result<Vec<_>, _>>()?;
        *last = Some((tools.to_vec(), sent.clone()));
        Ok(sent)
    }
}

// === impl Talk ===

impl Talk {
    fn add(&mut self, message: &Message) -> Result<(), BuildError> {
        match message {
            Message::Results(results) => self.settle(results),
            Message::User(text) => {
                self.settle(&[])?;
                self.say(ConversationRole::User, text);
                Ok(())
            }
            Message::Agent(said) => {
                self.settle(&[])?;
                self.agent(said)
            }
        }
    }

    fn agent(&mut self, said: &Said) -> Result<(), BuildError> {
        self.say(ConversationRole::Assistant, &said.text);
        for used in &said.uses {
            let block = ToolUseBlock::builder()
                .tool_use_id(&used.id)
                .name(name(&used.name))
                .input(object(arguments(used)))
                .build()?;
            self.push(ConversationRole::Assistant, ContentBlock::ToolUse(block));
            self.open.push(used.id.clone());
        }
        Ok(())
    }

    /// Gives each tool that waits its result, in the order of the wishes. Results that nobody waits
    /// for are left out.
    fn settle(&mut self, results: &[ToolResult]) -> Result<(), BuildError> {
        for id in std::mem::take(&mut self.open) {
            let found = results.iter().find(|result| result.id == id);
            let (text, failed) =
                found.map_or((NO_RESULT, true), |result| (result.text.as_str(), result.failed));
            let text = if text.trim().is_empty() { EMPTY } else { text };
            let status = if failed { ToolResultStatus::Error } else { ToolResultStatus::Success };
            let block = ToolResultBlock::builder()
                .tool_use_id(id)
                .content(ToolResultContentBlock::Text(text.to_owned()))
                .status(status)
                .build()?;
            self.push(ConversationRole::User, ContentBlock::ToolResult(block));
        }
        Ok(())
    }

    fn say(&mut self, role: ConversationRole, text: &str) {
        if !text.trim().is_empty() {
            self.push(role, ContentBlock::Text(text.to_owned()));
        }
    }

    fn push(&mut self, role: ConversationRole, block: ContentBlock) {
        match self.messages.last_mut() {
            Some((last, blocks)) if *last == role => blocks.push(block),
            _ => self.messages.push((role, vec![block])),
        }
    }

    fn end(mut self) -> Result<Vec<Sent>, BuildError> {
        if self.messages.first().is_none_or(|(role, _)| *role != ConversationRole::User) {
            let nothing = vec![ContentBlock::Text(EMPTY.to_owned())];
            self.messages.insert(0, (ConversationRole::User, nothing));
        }
        let made = self
            .messages
            .into_iter()
            .map(|(role, blocks)| Sent::builder().role(role).set_content(Some(blocks)).build());
        made.collect()
    }
}

fn system(text: &str, caching: bool) -> Result<Option<Vec<SystemContentBlock>>, BuildError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut blocks = vec![SystemContentBlock::Text(text.to_owned())];
    if caching {
        blocks.push(SystemContentBlock::CachePoint(cache_point()?));
    }
    Ok(Some(blocks))
}

fn tools(
    ask: &Ask<'_>,
    caching: bool,
    specs: &Specs,
) -> Result<Option<ToolConfiguration>, BuildError> {
    let mut sent = if ask.tools.is_empty() { gone(ask)? } else { specs.of(ask.tools)? };
    if sent.is_empty() {
        return Ok(None);
    }
    if caching {
        sent.push(SentTool::CachePoint(cache_point()?));
    }
    ToolConfiguration::builder().set_tools(Some(sent)).build().map(Some)
}

/// Tools that the conversation speaks of and that are offered no more: Bedrock refuses a
/// conversation with wishes and no tools at all.
fn gone(ask: &Ask<'_>) -> Result<Vec<SentTool>, BuildError> {
    let mut names: Vec<String> = Vec::new();
    for message in ask.messages {
        if let Message::Agent(said) = message {
            names.extend(said.uses.iter().map(|used| name(&used.name)));
        }
    }
    names.sort_unstable();
    names.dedup();
    let gone = names.into_iter().map(|name| {
        let description = "It cannot be called any more.".to_owned();
        spec(&Tool { name, description, schema: Value::Object(Map::new()) })
    });
    gone.collect()
}

fn spec(tool: &Tool) -> Result<SentTool, BuildError> {
    let mut schema = tool.schema.as_object().cloned().unwrap_or_default();
    // Bedrock wants it said.
    schema.entry("type").or_insert_with(|| Value::from("object"));
    let description = tool.description.trim();
    let spec = ToolSpecification::builder()
        .name(name(&tool.name))
        .set_description((!description.is_empty()).then(|| description.to_owned()))
        .input_schema(ToolInputSchema::Json(object(&schema)))
        .build()?;
    Ok(SentTool::ToolSpec(spec))
}

fn cache_point() -> Result<CachePointBlock, BuildError> {
    CachePointBlock::builder().r#type(CachePointType::Default).build()
}

/// A name that Bedrock takes back: a model may have asked for one that it would refuse.
fn name(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let good = name.chars().map(|letter| if fits(letter) { letter } else { '_' });
    let good = good.take(LONGEST_NAME).collect::<String>();
    if good.is_empty() { "_".to_owned() } else { good }
}

/// Arguments have to be an object; of malformed ones the result of the call speaks.
fn arguments(used: &ToolUse) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    match &used.input {
        Input::Object(arguments) => arguments,
        Input::Malformed(_) => &NONE,
    }
}
