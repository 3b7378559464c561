//! Bounds of the histograms, in the unit of the family.
//!
//! Enters: nothing. Leaves: ascending bounds. Never: `+Inf` (the exposition adds it).

/// Whole operations, in seconds: the bounds that OpenTelemetry advises for MCP, with finer steps
/// where most calls fall, so that a quantile read from them is close to the truth.
pub(crate) const OPERATION: &[f64] = &[
    0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
    60.0, 120.0, 300.0,
];

/// The gateway's own work, in seconds: 50 µs to 250 ms.
pub(crate) const OVERHEAD: &[f64] =
    &[0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];

/// Name resolution, connecting and handshakes, in seconds.
pub(crate) const CONNECTION: &[f64] =
    &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Streams, in seconds: up to a day.
pub(crate) const STREAM: &[f64] = &[
    1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 86_400.0,
];

/// Bodies, in bytes: powers of four from 256 B to 16 MiB.
pub(crate) const BYTES: &[f64] =
    &[256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// Batches, in items.
pub(crate) const BATCH: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 512.0];

/// Small counts.
pub(crate) const COUNT: &[f64] = &[1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0];

/// Tokens of one request: powers of four, as OpenTelemetry advises.
pub(crate) const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// The cost of one turn, in dollars: from a hundredth of a cent to ten dollars.
pub(crate) const DOLLARS: &[f64] =
    &[0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
