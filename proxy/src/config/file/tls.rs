//! `tls` and `auth.certificates` as written.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It never reads a certificate.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::choice::{ClientCertificates, TlsVersion};
use crate::config::text::Text;
use crate::config::words::Scope;

/// TLS for MCP clients. The files are PEM, and read again when they change; relative paths lie beside this file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`tls`", extend("required" = ["certificate", "key"]))]
pub(crate) struct Tls {
    /// The certificate of the gateway, followed by those between it and its authority.
    #[schemars(length(min = 1))]
    pub(crate) certificate: Option<String>,
    /// The private key of the certificate, not encrypted.
    #[schemars(length(min = 1))]
    pub(crate) key: Option<String>,
    /// The oldest version of TLS that is taken. Default `1.2`.
    pub(crate) min_version: Option<TlsVersion>,
    /// The authorities whose certificates clients may show. Absent: clients are not asked for one.
    #[schemars(length(min = 1))]
    pub(crate) client_ca: Option<String>,
    /// Whether clients show a certificate. With `client_ca`, absent is `required`; without, `none`.
    pub(crate) client: Option<ClientCertificates>,
}

/// Whom a client certificate stands for: exactly one of `uri`, `dns`, `common_name` says which certificate.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a certificate", extend("required" = ["name"], "oneOf" = [
    {"required": ["uri"]}, {"required": ["dns"]}, {"required": ["common_name"]}
]))]
pub(crate) struct Certificate {
    /// Who it is: the subject of the caller in logs, policies and limits. Several certificates may have one name.
    #[schemars(length(min = 1, max = 256))]
    pub(crate) name: Option<String>,
    /// A URI among its alternative names, such as a SPIFFE ID; character by character.
    #[schemars(length(min = 1))]
    pub(crate) uri: Option<String>,
    /// A DNS name among its alternative names.
    #[schemars(length(min = 1))]
    pub(crate) dns: Option<String>,
    /// The common name of its subject, character by character.
    #[schemars(length(min = 1))]
    pub(crate) common_name: Option<String>,
    /// The scopes that it grants.
    pub(crate) scopes: Vec<Text<Scope>>,
}
