//! Families about the operating system's process, under the names that are usual for them.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use crate::{Metric, Unit};

families! {
    /// Processor time.
    CPU = Metric::counter(
        "process_cpu_seconds_total",
        "User and system processor time of the process.",
    )
    .in_unit(Unit::Seconds);

    /// Open file descriptors.
    OPEN_FDS = Metric::gauge("process_open_fds", Unit::One, "File descriptors that are open.");

    /// The limit of file descriptors.
    MAX_FDS = Metric::gauge("process_max_fds", Unit::One, "File descriptors that may be open.");

    /// Virtual memory.
    VIRTUAL_MEMORY = Metric::gauge(
        "process_virtual_memory_bytes",
        Unit::Bytes,
        "Virtual memory of the process.",
    );

    /// The limit of virtual memory.
    VIRTUAL_MEMORY_MAX = Metric::gauge(
        "process_virtual_memory_max_bytes",
        Unit::Bytes,
        "Virtual memory that the process may have.",
    );

    /// Resident memory.
    RESIDENT_MEMORY = Metric::gauge(
        "process_resident_memory_bytes",
        Unit::Bytes,
        "Resident memory of the process.",
    );

    /// Start.
    START_TIME = Metric::gauge(
        "process_start_time_seconds",
        Unit::Timestamp,
        "When the process started.",
    );

    /// Threads.
    THREADS = Metric::gauge("process_threads", Unit::One, "Threads of the process.");
}
