//! The arguments of a call, as a policy reads them.
//!
//! Enters: JSON as it was sent. Leaves: its values by type and by their place (RFC 6901). Never: a value
//! of which a target could see another one, because a key is there twice; more than a few.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The most values, of all depths together.
const MOST: usize = 4096;
/// The deepest that values are looked for.
const DEEPEST: usize = 32;

/// The values, by place.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Arguments {
    pub(super) texts: Vec<(String, String)>,
    pub(super) numbers: Vec<(String, i64)>,
    pub(super) flags: Vec<(String, bool)>,
    /// Lists of texts only.
    pub(super) lists: Vec<(String, Vec<String>)>,
    /// The places of what is none of these: null, fractions, numbers that are too large.
    pub(super) others: Vec<String>,
    seen: usize,
}

/// One value at its place.
struct At<'a> {
    into: &'a mut Arguments,
    place: String,
    depth: usize,
}

/// Reads arguments; `None`: a policy cannot be asked about them.
pub(super) fn read(json: &[u8]) -> Option<Arguments> {
    let mut arguments = Arguments::default();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let at = At { into: &mut arguments, place: String::new(), depth: 0 };
    at.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(arguments)
}

// === impl At ===

impl At<'_> {
    fn below(&self, key: &str) -> String {
        format!("{}/{}", self.place, key.replace('~', "~0").replace('/', "~1"))
    }

    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.into.seen += 1;
        if self.into.seen > MOST || self.depth > DEEPEST {
            return Err(E::custom("too many values"));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

/// Gives back a text, for the list that it may be a part of.
impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<Self::Value, E> {
        self.count()?;
        self.into.texts.push((self.place, text.to_owned()));
        Ok(Some(text.to_owned()))
    }

    fn visit_bool<E: Error>(mut self, flag: bool) -> Result<Self::Value, E> {
        self.count()?;
        self.into.flags.push((self.place, flag));
        Ok(None)
    }

    fn visit_i64<E: Error>(mut self, number: i64) -> Result<Self::Value, E> {
        self.count()?;
        self.into.numbers.push((self.place, number));
        Ok(None)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => self.visit_unit(),
        }
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_unit<E: Error>(mut self) -> Result<Self::Value, E> {
        self.count()?;
        self.into.others.push(self.place);
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut all: A) -> Result<Self::Value, A::Error> {
        self.count()?;
        let (mut texts, mut plain, mut n) = (Vec::new(), true, 0_usize);
        loop {
            let place = self.below(&n.to_string());
            let next = At { into: &mut *self.into, place, depth: self.depth + 1 };
            let Some(text) = all.next_element_seed(next)? else { break };
            match text {
                Some(text) => texts.push(text),
                None => plain = false,
            }
            n += 1;
        }
        if plain {
            self.into.lists.push((self.place, texts));
        } else {
            self.into.others.push(self.place);
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self::Value, A::Error> {
        self.count()?;
        let mut keys = std::collections::HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            let place = self.below(&key);
            if !keys.insert(key) {
                return Err(A::Error::custom("a key is there twice"));
            }
            members.next_value_seed(At { into: &mut *self.into, place, depth: self.depth + 1 })?;
        }
        Ok(None)
    }
}
