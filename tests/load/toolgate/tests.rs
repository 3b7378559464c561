//! How the gateway's own counts are read.

use super::*;

#[test]
fn only_tool_calls_of_the_request_counter_are_summed() {
    let metrics = "# TYPE toolgate_requests_total counter
toolgate_requests_total{mcp_method_name=\"tools/call\",error_type=\"\"} 40
toolgate_requests_total{error_type=\"x y\",mcp_method_name=\"tools/call\"} 2
toolgate_requests_total{mcp_method_name=\"tools/list\"} 100
toolgate_requests_total_other{mcp_method_name=\"tools/call\"} 1000
";
    assert_eq!(sum(metrics).unwrap(), 42);
    assert_eq!(sum("").unwrap(), 0);
}

#[test]
fn a_value_that_is_no_count_is_an_error() {
    assert!(sum("toolgate_requests_total{mcp_method_name=\"tools/call\"} NaN\n").is_err());
}

#[test]
fn a_missing_gateway_is_an_error_that_says_how_to_build_it() {
    let error = binary(Some(Path::new("/nowhere/toolgate"))).unwrap_err();
    assert!(error.to_string().contains("cargo build --release -p toolgate"));
}

#[test]
fn only_lines_of_tool_calls_are_counted_and_a_torn_line_is_an_error() {
    let path = env::temp_dir().join(format!("toolgate-load-log-{}", std::process::id()));
    fs::write(&path, "{\"method\":\"tools/call\"}\n{\"method\":\"tools/list\"}\n{}\n").unwrap();
    assert_eq!(logged(&path).unwrap(), 1);
    fs::write(&path, "{\"method\":\"tools/call\"}\n{\"meth").unwrap();
    assert!(logged(&path).is_err());
    fs::remove_file(&path).unwrap();
}
