//! The gateway as a whole: configuration in, a running stack out.
//!
//! Enters: a command line. Leaves: an exit code. Never: a step of a request; those are the stages,
//! and [`stack`] is the page that puts them in order.

pub mod cli;
pub mod commands;
pub mod exit;

pub mod config;

pub mod stack;

pub mod assembly;
pub mod buckets;
pub mod facts;
mod grants;
pub mod keys;
mod mark;
pub mod pins;
pub mod policies;
pub mod run;
pub mod secrets;
pub mod tls;

pub mod stdio;

pub mod cloud;
pub mod dev;
