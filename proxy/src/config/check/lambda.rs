//! Whether a function can be named, and is called by https.
//!
//! In: a target with `lambda`, alone. Out: mistakes. It never calls a function.

use crate::config::code;
use crate::config::file::Target;
use crate::config::report::{Mistake, quote};
use crate::config::resolve::lambda::in_arn;
use crate::config::review::Review;

pub(super) fn check(name: &str, target: &Target, review: &mut Review<'_>) {
    let Some(lambda) = &target.lambda else { return };
    let path = |key: &'static str| ["targets", name, "lambda", key];
    // Lambda API, `Invoke`: the patterns of `FunctionName` and `Qualifier`.
    let fits = |text: &str, more: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c) || more.contains(c))
    };
    let named = [
        ("function", &lambda.function, ":.", "its name, or its ARN"),
        ("qualifier", &lambda.qualifier, "", "a version such as `3`, or an alias such as `live`"),
    ];
    for (key, written, more, form) in named {
        if let Some(written) = written.as_ref().filter(|written| !fits(written, more)) {
            let at = review.at(&path(key));
            let message = format!("{} cannot be the `{key}` of a function", quote(written));
            review.add(Mistake::new(code::FUNCTION, at, message).help(format!("write {form}")));
        }
    }
    let function = lambda.function.as_deref().unwrap_or_default();
    let both = [
        ("region", in_arn(function).is_some() && lambda.region.is_some()),
        ("qualifier", function.split(':').count() > 7 && lambda.qualifier.is_some()),
    ];
    for (key, is_twice) in both {
        if is_twice {
            let message = format!("`{key}` has no effect: it stands in the ARN");
            let at = review.key_at(&path(key));
            review.add(Mistake::new(code::NO_EFFECT, at, message).help("keep one of them"));
        }
    }
    if lambda.endpoint.as_ref().is_some_and(|endpoint| endpoint.0.is_exposed()) {
        let at = review.at(&path("endpoint"));
        review.add(
            Mistake::new(code::INSECURE_URL, at, "signed calls would be sent over plain http")
                .label("readable by anyone on the way")
                .help("use `https://`"),
        );
    }
    if lambda.endpoint.as_ref().is_some_and(|endpoint| !endpoint.0.is_origin()) {
        let at = review.at(&path("endpoint"));
        review.add(
            Mistake::new(code::MALFORMED, at, "`endpoint` has a path")
                .help("write scheme, host and port alone; the path is that of Lambda's API"),
        );
    }
}
