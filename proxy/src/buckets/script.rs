//! What Redis does: takes one token out of each bucket, or out of none.
//!
//! Enters: the buckets of one call. Leaves: keys and numbers for the script, and its answer in words of
//! ours. Never: the time of a gateway: Redis has the only clock, so that gateways whose clocks differ
//! agree; the name of a rule, a caller or a tool: keys are hashes.
//!
//! The arithmetic is that of `toolgate_guard::Rate`: a bucket is the time at which it is full again. It is
//! kept as seconds and nanoseconds, since a number of Lua holds whole numbers up to 2^53 only; what is
//! left of it until then is one number, exact for buckets that are full within 104 days.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

use toolgate_guard::{NoToken, Take, Taken};

/// Bytes of a key's hash: two buckets share one by chance never.
const HASHED: usize = 16;

/// The script. `KEYS`: the buckets; `ARGV`: for each of them the nanoseconds in which one token comes and
/// in which an empty one is full. Its answer: `{0, 0}`, or the number of the first bucket without a token
/// and how many nanoseconds to wait. A bucket goes away by itself a second after it is full,
/// and one of which the clock says impossible things, after another Redis took over, is taken for empty.
pub const SCRIPT: &str = r"local clock = redis.call('TIME')
local second, nano = tonumber(clock[1]), tonumber(clock[2]) * 1000
local left = {}
for i, key in ipairs(KEYS) do
  local interval, room = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local lacks = left[key]
  if lacks == nil then
    lacks = 0
    local full = redis.call('GET', key)
    if full then
      local s, n = string.match(full, '^(%d+) (%d+)$')
      lacks = (tonumber(s) - second) * 1000000000 + tonumber(n) - nano
      lacks = math.min(math.max(lacks, 0), room)
    end
  end
  lacks = lacks + interval
  if lacks > room then
    return {i, lacks - room}
  end
  left[key] = lacks
end
for key, lacks in pairs(left) do
  local n = nano + lacks
  local s = math.floor(n / 1000000000)
  n = n - s * 1000000000
  local full = string.format('%.0f %.0f', second + s, n)
  redis.call('SET', key, full, 'PX', string.format('%.0f', math.ceil(lacks / 1000000) + 1000))
end
return {0, 0}";

/// The key of a bucket. What stands in braces is the same for all, which puts all of them on one node of
/// a cluster: what is taken as a whole must lie in one place.
#[must_use]
pub fn key(prefix: &str, take: &Take) -> String {
    // No name has a NUL in it: two pairs of names do not become one text.
    let named = digest(&SHA256, format!("{}\0{}", take.rule, take.key).as_bytes());
    let short = named.as_ref().get(..HASHED).unwrap_or_default();
    format!("{{{prefix}}}:{}", URL_SAFE_NO_PAD.encode(short))
}

/// The script's arguments for a bucket.
#[must_use]
pub fn arguments(take: &Take) -> [u64; 2] {
    [take.rate.interval(), take.rate.room()]
}

/// The script's answer.
pub(super) fn taken((nth, wait): (u64, u64)) -> Taken {
    match usize::try_from(nth).ok().and_then(|nth| nth.checked_sub(1)) {
        None => Ok(()),
        Some(nth) => Err(NoToken::Empty(nth, Duration::from_nanos(wait))),
    }
}
