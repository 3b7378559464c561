//! One page of a list.
//!
//! Enters: the catalog, which list is wanted, who asks, and a cursor. Leaves: what the caller may
//! use, as one result. Never: something that the guard would refuse; never a cursor of another list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut, BytesMut};
use toolgate_call::{Case, Era, Listed, Policy, Principal, RawJson, Refusal, Subject};

use crate::local::ModernFields;
use crate::registry::{Catalog, Offered};

/// What is asked of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) what: Listed,
    pub(crate) principal: &'a Principal,
    pub(crate) cursor: Option<&'a str>,
    pub(crate) era: Era,
    pub(crate) size: usize,
}

/// Writes the page.
pub(crate) fn page(
    catalog: &Catalog,
    policy: &Policy,
    wanted: &Wanted<'_>,
    fields: &ModernFields,
) -> Result<RawJson, Refusal> {
    let list = catalog.list(wanted.what);
    let generation = catalog.mark(wanted.what);
    let start = match wanted.cursor {
        None => 0,
        Some(cursor) => offset(cursor, generation)?,
    };
    let allowed =
        |item: &&Offered| policy.decide(wanted.principal, Subject::One(&item.plan)).is_ok();
    let mut rest = list.items.iter().filter(allowed).skip(start).peekable();
    let mut out = BytesMut::with_capacity(4096);
    out.put_slice(b"{\"");
    out.put_slice(wanted.what.member().as_bytes());
    out.put_slice(b"\":[");
    let mut written = 0;
    while written < wanted.size {
        let Some(item) = rest.next() else { break };
        if written > 0 {
            out.put_slice(b",");
        }
        let for_legacy = item.for_legacy.as_ref().filter(|_| wanted.era == Era::Legacy);
        out.put_slice(for_legacy.unwrap_or(&item.raw).as_bytes());
        written += 1;
    }
    out.put_slice(b"]");
    if rest.peek().is_some() {
        let next = cursor(start + written, generation);
        out.put_slice(format!(r#","nextCursor":"{next}""#).as_bytes());
    }
    fields.write(&mut out, wanted.era);
    out.put_slice(b"}");
    Ok(RawJson::built(out.freeze()))
}

/// Where a list goes on: an offset into one generation of it.
fn cursor(offset: usize, generation: u64) -> String {
    let mut bytes = [0_u8; 16];
    let (at, of) = bytes.split_at_mut(8);
    at.copy_from_slice(&(offset as u64).to_be_bytes());
    of.copy_from_slice(&generation.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn offset(cursor: &str, generation: u64) -> Result<usize, Refusal> {
    let bad = |why: &'static str| Refusal::new(Case::ParamsInvalid, why);
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let (at, of) = bytes
        .as_deref()
        .and_then(|bytes| Some((bytes.get(..8)?, bytes.get(8..)?)))
        .and_then(|(at, of)| Some((at.try_into().ok()?, of.try_into().ok()?)))
        .map(|(at, of)| (u64::from_be_bytes(at), u64::from_be_bytes(of)))
        .ok_or_else(|| bad("`cursor` is not one of this gateway's"))?;
    if of != generation {
        return Err(bad("the list has changed since this cursor was made; begin again without it"));
    }
    usize::try_from(at).map_err(|_| bad("`cursor` is not one of this gateway's"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{cursor, offset};

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_place_in_its_list_and_in_no_other(
            at in any::<u32>(),
            generation in any::<u64>(),
            other in any::<u64>(),
        ) {
            let at = at as usize;
            let text = cursor(at, generation);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(offset(&text, generation).ok(), Some(at));
            prop_assert!(other == generation || offset(&text, other).is_err());
        }

        #[test]
        fn what_is_no_cursor_is_refused(text in "\\PC{0,40}") {
            prop_assert!(offset(&text, 7).is_err());
        }
    }
}
