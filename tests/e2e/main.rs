//! The gateway from outside: the real binary, real sockets, targets that do as they are told.
//!
//! Build the binary first: `cargo build -p toolgate`.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod apply;
#[cfg(test)]
mod asks;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod batch;
#[cfg(test)]
mod boards;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod cloudwatch;
#[cfg(test)]
mod cognito;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod eras;
#[cfg(test)]
mod expect;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod front_stdio;
#[cfg(test)]
mod gateway_tools;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod input;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lambda;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod list;
#[cfg(test)]
mod live;
#[cfg(test)]
mod logging;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod recover;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod search;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod shared_rates;
#[cfg(test)]
mod sick;
#[cfg(test)]
mod stdio;
#[cfg(test)]
mod subscribe;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod xray;
