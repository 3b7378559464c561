//! What the end-to-end tests and the benchmark stand on: peers of the gateway that do as they are
//! told, and the gateway itself as a process.

pub mod agent;
pub mod agentcore;
pub mod amazon;
pub mod api;
pub mod balancer;
pub mod bedrock;
pub mod canary;
pub mod client;
pub mod collector;
pub mod emf;
pub mod emulator;
pub mod fake_desk;
pub mod gate;
pub mod gateway;
pub mod herald;
pub mod hook;
pub mod issuer;
pub mod kube_stub;
pub mod lambda;
pub mod mix;
pub mod page;
pub mod pki;
pub mod process;
pub mod prometheus;
pub mod redis;
pub mod scrape;
pub mod segments;
pub mod service;
pub mod sick;
pub mod sigv4;
pub mod stub;
pub mod tokens;
pub mod upstream;
pub mod wait;
pub mod xray_stub;
