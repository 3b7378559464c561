//! What routing promises.

mod bridging;
mod lists;
mod naming;
mod offers;
mod rounds;
mod routing;
mod servers;
mod sessions;
mod streams;
mod subscriptions;
