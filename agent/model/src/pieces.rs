//! Texts in the pieces in which a model would say them.
//!
//! In: a text. Out: its words, each with the space after it. Never: a letter more or less.

/// The words of a text; put together again they are the text.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.find(|letter: char| !letter.is_whitespace()).unwrap_or(rest.len());
        let (_, from_word) = rest.split_at_checked(word)?;
        let space = from_word.find(char::is_whitespace).unwrap_or(from_word.len());
        let (_, from_space) = from_word.split_at_checked(space)?;
        let next = from_space.find(|letter: char| !letter.is_whitespace());
        let end = word + space + next.unwrap_or(from_space.len());
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    //! Nothing is lost between words.

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_come_with_the_space_behind_them() {
        assert_eq!(pieces("  a bä\n\n c").collect::<Vec<_>>(), ["  a ", "bä\n\n ", "c"]);
        assert_eq!(pieces("").count(), 0);
    }

    proptest! {
        #[test]
        fn together_they_are_the_text(text in "[ \na-cä]{0,40}") {
            prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }
    }
}
