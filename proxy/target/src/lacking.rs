//! What a call's caller lacks, as its target has found out.
//!
//! Enters: questions that were not passed on because the caller has not declared that it can be asked;
//! then the answer. Leaves: the answer; or, where it is a failure and the caller's era has a word for
//! that, what the caller would have to declare. Never: anything for a target that copes.

use serde::Deserialize;
use toolgate_call::{Abilities, Answer, Case, Era, Permitted, RawJson, Refusal};

/// How much of what the target says of its failure the caller is told, in characters.
const SAID: usize = 500;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lacking {
    asked: Abilities,
    /// Whether the caller is of the era that has `MissingRequiredClientCapabilityError` (2026-07-28
    /// `basic`, "Error Codes").
    is_told: bool,
}

/// What a failure says: an error's message, or the text of a result.
#[derive(Deserialize)]
struct Failed {
    message: Option<String>,
    #[serde(default)]
    content: Vec<Content>,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
}

// === impl Lacking ===

impl Lacking {
    /// Nothing yet, for that caller; `None`: for the gateway itself.
    pub(crate) fn of(caller: Option<&Permitted>) -> Self {
        let is_told = caller.is_some_and(|it| it.call().version.era() == Era::Modern);
        Self { asked: Abilities::NONE, is_told }
    }

    /// The target has asked what needs these abilities.
    pub(crate) const fn note(&mut self, needs: Abilities) {
        self.asked = self.asked.and(needs);
    }

    /// The answer, as the caller is to have it.
    pub(crate) fn settle(self, answer: Answer) -> Result<Answer, Refusal> {
        if self.asked.is_none() || !self.is_told {
            return Ok(answer);
        }
        let raw = match &answer {
            Answer::Result { is_error: false, .. } => return Ok(answer),
            Answer::Result { raw, .. } | Answer::Error { raw, .. } => raw,
        };
        let message = format!(
            "this needs a client that declares {}, which this request does not; the tool was refused \
             what it asked for, and said: {}",
            self.asked.json(),
            said(raw),
        );
        Err(Refusal::new(Case::CapabilityMissing, message).lacking(self.asked).after_send())
    }
}

fn said(raw: &RawJson) -> String {
    let Ok(Failed { message, content }) = raw.parse() else { return "nothing".to_owned() };
    let text = message.or_else(|| content.into_iter().find_map(|part| part.text));
    text.map_or_else(|| "nothing".to_owned(), |text| text.chars().take(SAID).collect())
}

#[cfg(test)]
mod tests {
    //! Who is told what.

    use toolgate_call::{Abilities, Answer, Case, RawJson};

    use super::Lacking;

    fn error() -> Answer {
        let raw = RawJson::literal(r#"{"code":-32603,"message":"no \"user\""}"#);
        Answer::Error { raw, code: -32603 }
    }

    fn result(is_error: bool) -> Answer {
        let raw = r#"{"content":[{"type":"image"},{"type":"text","text":"nobody there"}]}"#;
        Answer::Result { raw: RawJson::literal(raw), is_error }
    }

    #[test]
    fn a_failure_after_a_question_that_was_not_asked_names_what_is_lacking() {
        let mut lacking = Lacking { asked: Abilities::NONE, is_told: true };
        assert!(lacking.settle(error()).is_ok(), "nothing was asked");
        lacking.note(Abilities::SAMPLING);
        lacking.note(Abilities::FORM);
        for (answer, says) in [(error(), "no \"user\""), (result(true), "nobody there")] {
            let refusal = lacking.settle(answer).unwrap_err();
            assert_eq!(refusal.case(), Case::CapabilityMissing);
            let needed = Abilities::SAMPLING.and(Abilities::FORM);
            assert_eq!(refusal.missing_abilities(), Some(needed));
            assert!(refusal.message().ends_with(says), "{refusal}");
            assert!(refusal.was_sent() && !refusal.is_retry_safe(), "the tool has run");
        }
    }

    #[test]
    fn a_target_that_copes_and_a_caller_of_the_older_era_have_the_answer_as_it_is() {
        let all = Abilities::ALL;
        let coped = Lacking { asked: all, is_told: true }.settle(result(false));
        assert!(coped.is_ok());
        let older = Lacking { asked: all, is_told: false };
        assert!(older.settle(error()).is_ok() && older.settle(result(true)).is_ok());
        assert!(!Lacking::of(None).is_told);
    }
}
