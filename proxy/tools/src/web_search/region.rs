//! Country and language of results.
//!
//! Enters: `us-en` and the like. Leaves: both, or everywhere. Never: a place that does not exist is
//! not noticed here; the engine knows.

use crate::error::ToolError;

/// Where results are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Region {
    /// Anywhere, in any language.
    Everywhere,
    /// A country and a language, in lower case.
    Of {
        /// The country, as DuckDuckGo calls it: `uk` is Great Britain.
        country: String,
        /// The language.
        language: String,
    },
}

// === impl Region ===

impl Region {
    /// Reads `country-language`.
    pub(super) fn read(text: &str) -> Result<Self, ToolError> {
        let lower = text.trim().to_ascii_lowercase();
        let is_word = |word: &str, most| {
            (2..=most).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
        };
        match lower.split_once('-') {
            Some(("wt", "wt")) => Ok(Self::Everywhere),
            Some((country, language)) if is_word(country, 2) && is_word(language, 3) => {
                Ok(Self::Of { country: country.to_owned(), language: language.to_owned() })
            }
            _ => Err(ToolError::argument(
                "region",
                "must be a country and a language, such as `us-en`, `uk-en` or `de-de`, or `wt-wt` \
                 for everywhere",
            )),
        }
    }

    /// The country by ISO 3166, in upper case.
    pub(super) fn country(&self) -> Option<String> {
        match self {
            Self::Everywhere => None,
            Self::Of { country, .. } if country == "uk" => Some("GB".into()),
            Self::Of { country, .. } => Some(country.to_ascii_uppercase()),
        }
    }

    /// The language, in lower case.
    pub(super) fn language(&self) -> Option<&str> {
        match self {
            Self::Everywhere => None,
            Self::Of { language, .. } => Some(language),
        }
    }

    /// As DuckDuckGo writes it.
    pub(super) fn code(&self) -> String {
        match self {
            Self::Everywhere => "wt-wt".into(),
            Self::Of { country, language } => format!("{country}-{language}"),
        }
    }
}
