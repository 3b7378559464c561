//! How a list of names with their meanings is declared.
//!
//! Enters: names and one sentence each. Leaves: a constant a name, and the list of all with their
//! meanings, for the documentation. Never: a value.

macro_rules! named {
    ($($name:ident = $text:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $name: &str = $text;
        )*

        /// Every name with its meaning, in order.
        pub const ALL: &[(&str, &str)] = &[$(($text, $help),)*];
    };
}

pub(crate) use named;
