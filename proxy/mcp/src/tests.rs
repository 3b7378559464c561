//! What routing promises.

mod bridging;
mod budget;
mod held;
mod lists;
mod naming;
mod offers;
mod pins;
mod rounds;
mod routing;
mod same;
mod search;
mod servers;
mod sessions;
mod streams;
mod subscriptions;
mod tasks;
