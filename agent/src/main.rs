//! `toolgate-agent`.

fn main() {}
