//! Rust text without its words: comments and literals blanked out.
//!
//! Enters: a source file. Leaves: a text with the same lines, in which only code is left, and the
//! places of a word in it. Never: a parser; it knows where a comment or literal ends, no more.

/// The code of a Rust source; what a comment, string or character says becomes spaces.
///
/// Literals as in the Rust Reference, "Tokens": escapes, raw strings, nested block comments.
pub(crate) fn code(source: &str) -> String {
    let mut left = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let hidden = comment(rest).or_else(|| literal(rest, left.chars().next_back()));
        let (taken, after) = rest.split_at(hidden.unwrap_or(next.len_utf8()));
        match hidden {
            Some(_) => left.extend(taken.chars().map(blank)),
            None => left.push(next),
        }
        rest = after;
    }
    left
}

/// The lines, counted from 1, on which `word` starts in `code` and no longer name ends with it.
pub(crate) fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let numbered = code.lines().zip(1..);
    numbered.filter(|(line, _)| has_word(line, word)).map(|(_, number)| number).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|start| start.chars().next_back());
        !(word.starts_with(is_of_name) && before.is_some_and(is_of_name))
    })
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn blank(letter: char) -> char {
    if letter == '\n' { '\n' } else { ' ' }
}

/// The length of the comment that starts here.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| block_comment(rest))
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(left) = rest.get(at..).filter(|left| !left.is_empty()) {
        let step = if left.starts_with("/*") {
            depth += 1;
            2
        } else if left.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            left.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at.min(rest.len())
}

/// The length of the string or character that starts here.
fn literal(rest: &str, before: Option<char>) -> Option<usize> {
    if rest.starts_with('"') {
        return Some(string(rest));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    if before.is_some_and(is_of_name) { None } else { raw_string(rest) }
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        if letter == '"' && !escaped {
            return at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    rest.len()
}

/// `'a'` and `'\n'` are characters, `'a` without a second quote is a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1);
    let (_, first) = letters.next()?;
    let (second, letter) = letters.next()?;
    if first == '\\' {
        let end = letters.find(|(_, letter)| *letter == '\'')?;
        return Some(end.0 + 1);
    }
    (letter == '\'').then_some(second + 1)
}

fn raw_string(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let hashes = inner.chars().take_while(|letter| *letter == '#').count();
    let body = inner.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(rest.len() - body.len() + length)
}
