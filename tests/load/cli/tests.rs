//! Which command lines are taken.

use clap::CommandFactory;

use super::*;

fn options(line: &str) -> Result<Options, clap::Error> {
    Cli::try_parse_from(line.split(' ')).map(|cli| cli.options)
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn without_arguments_the_three_subjects_of_the_house_are_measured() {
    let options = options("load").unwrap();
    assert_eq!(options.kinds(), [Kind::Direct, Kind::Relay, Kind::Toolgate]);
    assert_eq!(options.levels, [1, 16, 64]);
}

#[test]
fn peers_are_added_once() {
    let options = options("load --peers --subjects envoy,relay,relay").unwrap();
    assert_eq!(options.kinds(), [Kind::Envoy, Kind::Relay, Kind::McpProxy]);
}

#[test]
fn counts_and_times_are_bounded() {
    for line in [
        "load --seconds 0",
        "load --seconds 61",
        "load --levels 0",
        "load --levels 2000",
        "load --clients 0",
        "load --count 10 --inflight 10",
    ] {
        assert!(options(line).is_err(), "{line}");
    }
}

#[test]
fn helper_roles_are_hidden_but_there() {
    let cli = Cli::try_parse_from(["load", "relay", "127.0.0.1:1"]).unwrap();
    assert!(matches!(cli.role, Some(Role::Relay { .. })));
    assert!(!Cli::command().render_long_help().to_string().contains("relay that looks"));
}
