//! The page's files: embedded in the binary, or read from a folder during development.
//!
//! Always: reads nothing outside the folder, whatever the path is.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use rust_embed::Embed;

#[derive(Embed)]
#[folder = "web/"]
pub(super) struct Embedded;

/// The source of the page's files.
#[derive(Debug)]
pub(crate) enum Page {
    /// The files in the binary.
    Embedded,
    /// A folder, read at every request.
    Folder(PathBuf),
}

impl Page {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        folder.map_or(Self::Embedded, Self::Folder)
    }

    /// Returns the content of the file with this path, or `None` if there is no such file.
    pub(super) async fn read(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        match self {
            Self::Embedded => Embedded::get(path).map(|file| file.data),
            Self::Folder(folder) => {
                let file = folder.join(inside(path)?);
                tokio::fs::read(file).await.ok().map(Cow::Owned)
            }
        }
    }
}

/// Returns the path if it cannot lead out of the folder.
fn inside(path: &str) -> Option<&Path> {
    let path = Path::new(path);
    let normal = |component| matches!(component, Component::Normal(_));
    path.components().all(normal).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for (path, is_inside) in [
            ("index.html", true),
            ("vendor/decoder.js", true),
            ("a..b/c", true),
            ("../secret", false),
            ("vendor/../../secret", false),
            ("/etc/passwd", false),
            ("./index.html", false),
        ] {
            assert_eq!(inside(path).is_some(), is_inside, "{path}");
        }
    }
}
