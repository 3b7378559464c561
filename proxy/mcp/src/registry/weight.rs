//! Refuses a target's list whose definitions weigh more than they may.
//!
//! Enters: each list that was fetched. Leaves: the same, or the refusal of a list that is not usable,
//! with what can be done. Never: a part of a list: which tools of it to leave out is the operator's say.

use toolgate_call::{Listed, Reason, Refusal};
use toolgate_telemetry::estimated_tokens;

use super::TargetSpec;
use crate::list::{Item, Offer};

/// What is offered, unless its tools weigh too much.
pub(super) fn within(spec: &TargetSpec, offer: Offer) -> Result<Offer, Refusal> {
    let Some(most) = spec.max_tokens else { return Ok(offer) };
    let lists = offer.lists.iter().zip(Listed::ALL).filter(|(_, of)| *of == Listed::Tools);
    let tools = lists.filter_map(|(list, _)| list.as_ref()).flatten();
    let tokens = estimated_tokens(tools.map(Item::size).sum());
    if tokens <= most { Ok(offer) } else { Err(too_heavy(spec, tokens, most)) }
}

fn too_heavy(spec: &TargetSpec, tokens: usize, most: usize) -> Refusal {
    let target = &spec.name;
    let message = format!(
        "`{target}` is not usable: the definitions of its tools weigh {tokens} tokens, more than the \
         {most} that `definitions.max_tokens` allows"
    );
    let remedy = format!(
        "let it list fewer tools, or describe them in fewer words; or raise \
         `targets.{target}.definitions.max_tokens`, and write `search: only` to keep its tools off the lists"
    );
    Refusal::target(Reason::UpstreamProtocol, target, message).detail(remedy).after_send()
}
