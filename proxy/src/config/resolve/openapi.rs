//! `openapi`: a document read, and its operations understood.
//!
//! In: a target with `openapi`. Out: the operations that become tools. It never fetches a document, and never
//! lets a gateway start with a pattern that meets nothing.

use std::path::Path;

use toolgate_target::{Api, Choice, DocumentError};

use crate::config::code;
use crate::config::file::OpenApi;
use crate::config::report::{Mistake, quote};
use crate::config::resolved::{TargetCredentials, TargetKind};

use super::Resolver;

impl Resolver<'_, '_> {
    /// `None` when it is incomplete or cannot be used, which has been reported.
    pub(super) fn openapi(
        &mut self,
        name: &str,
        written: &OpenApi,
        credentials: Option<TargetCredentials>,
    ) -> Option<TargetKind> {
        let document = written.document.as_ref()?;
        let text = self.openapi_text(name, document)?;
        let choice = Choice::new(&written.include, &written.exclude);
        let read = Api::parse(&text)
            .and_then(|document| Api::read(&document, |candidate| choice.takes(candidate)));
        self.openapi_idle(name, &choice);
        let api = match read {
            Ok(api) => api,
            Err(error) => {
                self.openapi_wrong(name, document, &error);
                return None;
            }
        };
        Some(TargetKind::OpenApi { url: written.url.as_ref()?.0.uri.clone(), api, credentials })
    }

    fn openapi_text(&mut self, name: &str, document: &str) -> Option<String> {
        let file = self.path(Path::new(document));
        (self.outside.read)(&file)
            .map_err(|error| {
                let shown = quote(&file.display().to_string());
                let message = format!("the document {shown} cannot be read: {error}");
                let at = self.review.at(&["targets", name, "openapi", "document"]);
                self.review
                    .add(Mistake::new(code::OPENAPI, at, message).help(
                        "download it once and put it there: a document decides what is sent",
                    ));
            })
            .ok()
    }

    fn openapi_wrong(&mut self, name: &str, document: &str, error: &DocumentError) {
        let at = self.review.at(&["targets", name, "openapi", "document"]);
        let message = format!("{} cannot be used: {error}", quote(document));
        self.review.add(
            Mistake::new(code::OPENAPI, at, message)
                .help("correct the document, or choose operations by `include` and `exclude`"),
        );
    }

    /// A slip in a pattern would leave a tool out, or in.
    fn openapi_idle(&mut self, name: &str, choice: &Choice) {
        for (within, number) in choice.idle() {
            let key = if within { "include" } else { "exclude" };
            let at = self.review.at(&["targets", name, "openapi", key, &number.to_string()]);
            self.review.add(
                Mistake::new(code::NO_EFFECT, at, "this pattern meets no operation").help(
                    "write a tool `listPets`, a method and path `GET /pets/*`, or `tag:pets`",
                ),
            );
        }
    }
}
