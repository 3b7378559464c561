//! What the gateway has of AWS, as far as the configuration asks for it.
//!
//! Enters: a resolved configuration. Leaves: where spans go, who decides what is sampled, what runs
//! beside the calls for that; secrets, and signatures for targets. Never: a wait for AWS once the gateway starts; and nothing at all
//! in a build without the feature `aws`, which refuses such a configuration before.

#[cfg(feature = "aws")]
mod aws;
#[cfg(not(feature = "aws"))]
mod none;

#[cfg(feature = "aws")]
pub use aws::{Cloud, Reader, read_at_start};
#[cfg(not(feature = "aws"))]
pub use none::{Cloud, Reader, read_at_start};
