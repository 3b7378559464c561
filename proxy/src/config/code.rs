//! The stable codes of configuration mistakes.
//!
//! In: nothing. Out: one constant per kind of mistake and a table with its
//! meaning. It never reuses a number: scripts and documents refer to them.

/// The text is not YAML.
pub const SYNTAX: &str = "TG1001";
/// The file is larger or nested deeper than a configuration may be.
pub const TOO_LARGE: &str = "TG1002";
/// A YAML feature that is not taken here: anchor, alias, tag, merge key, second document.
pub const YAML_FEATURE: &str = "TG1003";
/// A key that does not exist at this place.
pub const UNKNOWN_KEY: &str = "TG1004";
/// A key that must be written is absent.
pub const MISSING_KEY: &str = "TG1005";
/// A value of the wrong type, or no value at all.
pub const WRONG_TYPE: &str = "TG1006";
/// A value that is not one of the allowed words.
pub const UNKNOWN_VALUE: &str = "TG1007";
/// Text of the wrong form: duration, size, address, URL, name.
pub const MALFORMED: &str = "TG1008";
/// A number, duration or size outside its range.
pub const OUT_OF_RANGE: &str = "TG1009";
/// A key or a name written twice.
pub const DUPLICATE: &str = "TG1010";
/// A secret reference that leads nowhere: unset, unreadable, empty or unusable.
pub const SECRET_UNAVAILABLE: &str = "TG1011";
/// A secret written into the file itself.
pub const SECRET_IN_FILE: &str = "TG1012";
/// A secret source this build cannot read.
pub const SECRET_SOURCE: &str = "TG1013";
/// `${NAME}` that is unset or malformed.
pub const SUBSTITUTION: &str = "TG1014";
/// A placeholder nobody replaced.
pub const PLACEHOLDER: &str = "TG1015";
/// A target without a kind, or with more than one.
pub const TARGET_KIND: &str = "TG1016";
/// A target name that federated tool names cannot carry.
pub const TARGET_NAME: &str = "TG1017";
/// A tool rule whose key names no configured target.
pub const TOOL_KEY: &str = "TG1018";
/// A key that would have no effect where it stands.
pub const NO_EFFECT: &str = "TG1019";
/// No way to authenticate callers is configured.
pub const NO_AUTH: &str = "TG1020";
/// Anonymous access where others could reach it, or next to issuers.
pub const ANONYMOUS: &str = "TG1021";
/// An issuer entry whose settings do not fit its profile.
pub const ISSUER: &str = "TG1022";
/// Keys or secrets would cross the network unencrypted.
pub const INSECURE_URL: &str = "TG1023";
/// Two listeners on one address.
pub const ADDRESS_CLASH: &str = "TG1024";
/// A folder that is not there.
pub const PATH: &str = "TG1025";
/// Something that this build leaves out.
pub const NOT_BUILT: &str = "TG1026";
/// A server that could never have what it is said to have.
pub const SERVER: &str = "TG1027";
/// A pins file that cannot be used.
pub const PINS: &str = "TG1030";
/// A key file that cannot be used.
pub const KEYS: &str = "TG1031";
/// Policies that cannot be used.
pub const POLICY: &str = "TG1032";
/// Files of TLS that cannot be used.
pub const TLS: &str = "TG1033";
/// An entry about certificates that does not say which.
pub const CERTIFICATES: &str = "TG1034";
/// An OpenAPI document that cannot be used.
pub const OPENAPI: &str = "TG1035";
/// Definitions of a function's tools that cannot be used.
pub const FUNCTION_TOOLS: &str = "TG1040";
/// A function that cannot be named, or in no region.
pub const FUNCTION: &str = "TG1041";
/// Grants of users where there are no users.
pub const GRANTS: &str = "TG1036";
/// A kubeconfig that cannot be used.
pub const KUBECONFIG: &str = "TG1045";
/// Changes that anybody could make.
pub const MUTATIONS: &str = "TG1046";
/// The configuration cannot be read, or the gateway cannot start.
pub const START: &str = "TG2000";
/// The schema and the reader disagree: a fault of this program.
pub const INTERNAL: &str = "TG1099";

/// Every code with its meaning, in order.
pub const ALL: &[(&str, &str)] = &[
    (SYNTAX, "the text is not YAML"),
    (TOO_LARGE, "the file is too large or nested too deep"),
    (YAML_FEATURE, "a YAML feature that a configuration may not use"),
    (UNKNOWN_KEY, "a key that does not exist at this place"),
    (MISSING_KEY, "a required key is absent"),
    (WRONG_TYPE, "a value of the wrong type, or none"),
    (UNKNOWN_VALUE, "a word outside the allowed list"),
    (MALFORMED, "text of the wrong form"),
    (OUT_OF_RANGE, "a number, duration or size outside its range"),
    (DUPLICATE, "a key or name written twice"),
    (SECRET_UNAVAILABLE, "a secret reference that leads nowhere"),
    (SECRET_IN_FILE, "a secret written into the file"),
    (SECRET_SOURCE, "a secret source this build cannot read"),
    (SUBSTITUTION, "an environment substitution that is unset or malformed"),
    (PLACEHOLDER, "a placeholder nobody replaced"),
    (TARGET_KIND, "a target with no kind, or several"),
    (TARGET_NAME, "a target name that tool names cannot carry"),
    (TOOL_KEY, "a tool rule for no configured target"),
    (NO_EFFECT, "a key without effect"),
    (NO_AUTH, "no way to authenticate callers"),
    (ANONYMOUS, "anonymous access that is unsafe or contradictory"),
    (ISSUER, "issuer settings that do not fit its profile"),
    (INSECURE_URL, "keys or secrets would travel unencrypted"),
    (ADDRESS_CLASH, "two listeners on one address"),
    (PATH, "a folder that is not there"),
    (NOT_BUILT, "something that this build leaves out"),
    (SERVER, "a server that could never have what it is said to have"),
    (PINS, "a pins file that cannot be used"),
    (KEYS, "a key file that cannot be used"),
    (POLICY, "policies that cannot be used"),
    (TLS, "files of TLS that cannot be used"),
    (CERTIFICATES, "an entry about certificates that does not say which"),
    (OPENAPI, "an OpenAPI document that cannot be used"),
    (FUNCTION_TOOLS, "definitions of a function's tools that cannot be used"),
    (FUNCTION, "a function that cannot be named, or is in no region"),
    (GRANTS, "grants of users where no caller is known"),
    (KUBECONFIG, "a kubeconfig that cannot be used"),
    (MUTATIONS, "changes that anybody could make"),
    (INTERNAL, "a fault of this program, not of the file"),
];
