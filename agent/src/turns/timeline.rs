//! What is kept of a turn's events, so that its answer can be shown later as it was live.
//!
//! In: events, as they are said. Out: the same without words, as one JSON text. Never: an argument or a
//! result of a tool; more than a memory takes.

use toolgate_agent_memory::Timeline;

use crate::event::{Event, StepEnd};

/// Events that are kept of one turn; a turn of more has no timeline.
const EVENTS: usize = 512;
/// Bytes of a note.
const NOTE: usize = 400;

/// Events without words.
#[derive(Debug, Default)]
pub(super) struct Told {
    events: Vec<Event>,
    is_over: bool,
    too_many: bool,
}

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    All,
    /// Without where the time went at the gateway.
    NoLedgers,
    /// The turn alone.
    NoSteps,
}

// === impl Told ===

impl Told {
    /// An event was said.
    pub(super) fn hear(&mut self, event: &Event) {
        let Some(event) = lean(event) else { return };
        self.is_over |= matches!(event, Event::TurnEnd(_));
        self.too_many |= self.events.len() >= EVENTS;
        if !self.too_many {
            self.events.push(event);
        }
    }

    /// What is to be kept of a turn that has ended; `None` of one that has not, or is too long.
    pub(super) fn text(&self) -> Option<String> {
        if !self.is_over || self.too_many {
            return None;
        }
        [Detail::All, Detail::NoLedgers, Detail::NoSteps].into_iter().find_map(|detail| {
            let events: Vec<_> = self.events.iter().filter_map(|it| less(it, detail)).collect();
            let text = serde_json::to_string(&events).ok()?;
            (text.len() <= Timeline::MOST).then_some(text)
        })
    }
}

/// An event without words; `None` if it is made of nothing else.
fn lean(event: &Event) -> Option<Event> {
    Some(match event {
        Event::Text { .. } | Event::StepProgress { .. } | Event::Approval { .. } => return None,
        Event::TurnStart { .. } | Event::Degraded { .. } | Event::TurnEnd(_) => event.clone(),
        Event::StepStart { step, kind, name, .. } => Event::StepStart {
            step: *step,
            kind: *kind,
            name: name.clone(),
            limit_ms: None,
            arguments: None,
        },
        Event::StepEnd(end) => Event::StepEnd(StepEnd {
            note: end.note.as_deref().map(short),
            result: None,
            ..end.clone()
        }),
    })
}

fn short(note: &str) -> String {
    let (kept, rest) = note.split_at(note.floor_char_boundary(NOTE));
    if rest.is_empty() { kept.to_owned() } else { format!("{kept}…") }
}

fn less(event: &Event, detail: Detail) -> Option<Event> {
    match (event, detail) {
        (Event::StepStart { .. } | Event::StepEnd(_), Detail::NoSteps) => None,
        (Event::StepEnd(end), Detail::NoLedgers) => {
            Some(Event::StepEnd(StepEnd { ledger: None, ..end.clone() }))
        }
        _ => Some(event.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::{EndReason, Outcome, StepKind, Times, Tokens, TurnEnd};

    fn step(step: u32, note: &str, ledger: Option<Value>) -> [Event; 2] {
        let start = Event::StepStart {
            step,
            kind: StepKind::Tool,
            name: "shop___read".to_owned(),
            limit_ms: Some(1),
            arguments: Some(json!({ "to": "a secret" })),
        };
        let end = StepEnd {
            step,
            ms: 1.5,
            outcome: Outcome::Ok,
            reason: None,
            blame: None,
            retry_safe: None,
            note: Some(note.to_owned()),
            result: Some("a secret".to_owned()),
            call_id: None,
            ledger,
        };
        [start, Event::StepEnd(end)]
    }

    fn end() -> Event {
        Event::TurnEnd(TurnEnd {
            reason: EndReason::Answered,
            limit: None,
            says: None,
            retry_safe: true,
            times: Times::default(),
            usage: Tokens::default(),
            cost_usd: None,
            model: "one".to_owned(),
            model_id: "one".to_owned(),
            tools_used: Vec::new(),
            degraded: Vec::new(),
        })
    }

    fn told(events: impl IntoIterator<Item = Event>) -> Option<Vec<Value>> {
        let mut told = Told::default();
        events.into_iter().for_each(|event| told.hear(&event));
        let text = told.text()?;
        assert!(text.len() <= Timeline::MOST, "{}", text.len());
        Some(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn words_of_tools_and_of_the_answer_are_not_kept() {
        let text = Event::Text { delta: "a secret".to_owned() };
        let kept = told(step(1, "found", None).into_iter().chain([text, end()])).unwrap();
        assert_eq!(kept.len(), 3);
        assert_eq!((&kept[1]["note"], &kept[1]["ms"]), (&json!("found"), &json!(1.5)));
        assert!(!json!(kept).to_string().contains("secret"), "{kept:?}");
    }

    #[test]
    fn what_is_too_long_is_told_with_less() {
        let of = |steps: u32, ledger: Option<&str>| {
            let ledger = ledger.map(|word| json!({ "phases_ms": { word: 1 } }));
            let steps = (0..steps).flat_map(move |nth| step(nth, &"é".repeat(300), ledger.clone()));
            told(steps.chain([end()])).unwrap()
        };
        let few = of(2, Some("upstream"));
        assert_eq!((few.len(), few[1]["ledger"].is_null()), (5, false));
        assert!(few[1]["note"].as_str().unwrap().ends_with("é…"), "a long note is cut");
        let more = of(20, Some(&"x".repeat(2_000)));
        assert_eq!((more.len(), more[1]["ledger"].is_null()), (41, true));
        let most = of(200, None);
        assert_eq!((most.len(), &most[0]["type"]), (1, &json!("turn.end")));
    }

    #[test]
    fn a_turn_without_an_end_or_with_too_many_events_has_none() {
        assert_eq!(told(step(1, "found", None)), None);
        assert_eq!(told((0..300).flat_map(|nth| step(nth, "", None)).chain([end()])), None);
    }
}
