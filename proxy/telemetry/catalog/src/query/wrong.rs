//! Why a question makes no sense.
//!
//! Enters: what was asked. Leaves: a sentence for whoever wrote the question. Never: a panic.

use std::fmt::{Display, Formatter, Result as Written};

use crate::Key;

/// What does not fit.
#[derive(Clone, Debug, PartialEq)]
pub enum Wrong {
    /// The series do not have that label.
    NoLabel(&'static str, Key),
    /// The label is never set to that.
    NotAWord(&'static str, Key, &'static str),
    /// The function is for families of another kind.
    NotFor(&'static str, &'static str),
    /// The histogram has no bucket that ends there.
    NotABound(&'static str, f64),
    /// A quantile is between 0 and 1.
    NotAQuantile(f64),
    /// The two sides have different labels.
    Apart(String, String),
    /// Nothing of the kind is published to CloudWatch.
    NotPublished(&'static str, String),
    /// CloudWatch cannot do that.
    NotInCloudWatch(&'static str),
}

impl Display for Wrong {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        match self {
            Self::NoLabel(name, key) => write!(f, "{name} has no label {}", key.as_str()),
            Self::NotAWord(name, key, word) => {
                write!(f, "{} of {name} is never {word:?}", key.as_str())
            }
            Self::NotFor(what, name) => write!(f, "{what} makes no sense for {name}"),
            Self::NotABound(name, bound) => write!(f, "{bound} is not a bucket bound of {name}"),
            Self::NotAQuantile(q) => write!(f, "{q} is not between 0 and 1"),
            Self::Apart(left, right) => write!(f, "the labels {left} and {right} do not match"),
            Self::NotPublished(name, what) => {
                write!(f, "nothing in CloudWatch is {name} {what}")
            }
            Self::NotInCloudWatch(what) => write!(f, "CloudWatch has no {what}"),
        }
    }
}

impl std::error::Error for Wrong {}
