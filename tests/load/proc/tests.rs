//! How the kernel's files are read.

use super::*;

#[test]
fn processor_time_is_user_plus_system_even_when_the_command_looks_like_fields() {
    let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 3 0 1 1 1";
    assert_eq!(cpu_of(stat), Some(Duration::from_secs(3)));
}

#[test]
fn memory_is_resident_memory_in_mebibytes() {
    assert_eq!(rss_of("VmHWM:\t  9999 kB\nVmRSS:\t    1536 kB\n"), Some(1.5));
    assert_eq!(rss_of("Name:\tx\n"), None);
}

#[test]
fn this_process_has_memory_and_time() {
    assert!(rss(std::process::id()).unwrap() > 0.5);
    cpu(std::process::id()).unwrap();
    assert!(cpu(u32::MAX).is_err());
}
