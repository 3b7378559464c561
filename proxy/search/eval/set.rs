//! The labelled set: tools, and questions that some of them answer.
//!
//! In: the files beside this one. Out: what they say. Never: a question whose answer is no tool.

use super::Entry;

const TOOLS: &str = include_str!("tools.txt");
const QUESTIONS: &str = include_str!("questions.txt");
/// Questions of another author, who had not read the others.
const OTHERS: &str = include_str!("others.txt");

/// A tool, as a server lists it.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) parameters: Vec<&'static str>,
}

/// A question, and the tools that answer it.
///
/// Beside those of the file there is one for each tool that names its parameters and nothing else:
/// `own`, `words`.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// `tune`, `held`, `fresh`, `other` or `own`.
    pub(crate) split: &'static str,
    /// `para` or `words`.
    pub(crate) kind: &'static str,
    pub(crate) asked: &'static str,
    pub(crate) answers: Vec<&'static str>,
}

impl Tool {
    pub(crate) fn entry(&self) -> Entry {
        Entry::tool(self.name, self.description, self.parameters.iter().copied())
    }
}

pub(crate) fn tools() -> Vec<Tool> {
    let tools = lines(TOOLS).map(parts::<3>);
    tools
        .map(|[name, description, parameters]| Tool {
            name,
            description,
            parameters: listed(parameters),
        })
        .collect()
}

pub(crate) fn questions() -> Vec<Question> {
    let asked = lines(QUESTIONS).chain(lines(OTHERS)).map(parts::<4>);
    let own = lines(TOOLS).map(parts::<3>).filter(|[_, _, parameters]| !parameters.is_empty());
    let own = own.map(|[name, _, parameters]| ["own", "words", parameters, name]);
    asked.chain(own).map(question).collect()
}

fn question([split, kind, asked, answers]: [&'static str; 4]) -> Question {
    Question { split, kind, asked, answers: listed(answers) }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn parts<const N: usize>(line: &'static str) -> [&'static str; N] {
    let mut parts = line.split('|').map(str::trim);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn listed(names: &'static str) -> Vec<&'static str> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}
