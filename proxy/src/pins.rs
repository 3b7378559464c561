//! The pins file of a gateway that runs.
//!
//! Enters: the wish to read it again. Leaves: targets held to what it says now. Never: a gateway that
//! holds its targets to less because a file is wrong: then everything stays as it is.

use std::sync::Arc;

use toolgate_mcp::Registry;
use toolgate_telemetry::Telemetry;

use crate::assembly;
use crate::config::{PinFile, Pins};

/// See the module.
#[derive(Clone, Debug)]
pub struct Pinning {
    pins: Arc<Pins>,
    registry: Arc<Registry>,
    telemetry: Arc<Telemetry>,
}

// === impl Pinning ===

impl Pinning {
    pub(crate) fn new(pins: &Pins, registry: &Arc<Registry>, telemetry: &Arc<Telemetry>) -> Self {
        let (registry, telemetry) = (Arc::clone(registry), Arc::clone(telemetry));
        Self { pins: Arc::new(pins.clone()), registry, telemetry }
    }

    /// Reads the file again. Waits for the disk.
    pub fn read_again(&self) {
        let file = self.pins.file.display();
        let read = std::fs::read_to_string(&self.pins.file).map_err(|error| error.to_string());
        let parsed = read.and_then(|text| PinFile::parse(&text).map_err(|bad| bad.to_string()));
        self.telemetry.gateway.pins_reloaded(parsed.is_ok());
        match parsed {
            Ok(approved) => {
                self.registry
                    .hold_to(&assembly::pins::contracts(Some(&self.pins), Some(&approved)));
                tracing::info!(%file, "the pins file was read again");
            }
            Err(why) => {
                tracing::error!(%file, why, "the pins file cannot be used; what it said before holds");
            }
        }
    }
}
