//! The workspace as files.
//!
//! Enters: the checkout on disk. Leaves: the path and text of every file a rule may read, paths
//! relative to the root. Never: build output, installed packages, or a file behind a link.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Endings of the files that rules read.
const READ: [&str; 6] = ["rs", "py", "sh", "mjs", "toml", "md"];

/// Folders without anything of ours in them.
const SKIPPED: [&str; 2] = ["node_modules", "__pycache__"];

/// What `cargo` writes into when nobody tells it otherwise; git ignores it.
pub(crate) const BUILD_OUTPUT: &str = "target";

/// A file that rules read.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

/// Everything the rules read.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Sorted by path.
    pub(crate) files: Vec<File>,
    /// Names of the files and folders of the root, sorted.
    pub(crate) top: Vec<String>,
}

impl Tree {
    /// Reads the checkout that this test was compiled from.
    ///
    /// # Errors
    /// A folder or file that cannot be read, with its path.
    pub(crate) fn read() -> Result<Self> {
        let root = root()?;
        let mut tree = Self { files: Vec::new(), top: names(&root)? };
        for name in tree.top.clone() {
            if !name.starts_with('.') && name != BUILD_OUTPUT {
                tree.take(&root, &name)?;
            }
        }
        tree.files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(tree)
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.ending(".rs")
    }

    /// The files whose path ends like this.
    pub(crate) fn ending(&self, end: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.path.ends_with(end))
    }

    fn take(&mut self, root: &Path, path: &str) -> Result<()> {
        let place = root.join(path);
        let kind = fs::symlink_metadata(&place).with_context(|| format!("looking at {path}"))?;
        if kind.is_dir() {
            for name in names(&place)? {
                if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                    self.take(root, &format!("{path}/{name}"))?;
                }
            }
        } else if kind.is_file() && is_read(path) {
            let text = fs::read_to_string(&place).with_context(|| format!("reading {path}"))?;
            self.files.push(File { path: path.to_owned(), text });
        }
        Ok(())
    }
}

impl File {
    /// Whether the file holds tests or what only tests use.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    /// How many lines the file has.
    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

/// The folder of the workspace.
///
/// # Errors
/// None in a checkout: the folder of this package has one above it.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("the tests are in a folder of the workspace")?.to_owned())
}

fn is_read(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| READ.contains(&ending))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}
