//! What routing promises.

mod bridging;
mod lists;
mod naming;
mod routing;
mod sessions;
mod streams;
