//! What targets need of AWS: secrets that it keeps, and signatures.
//!
//! Enters: where AWS is. Leaves: secrets, and headers that sign a request. Never: a secret in an error;
//! a request beyond a bounded time.

mod secrets;
mod signing;

pub use secrets::{Secrets, Where};
pub use signing::Signed;
