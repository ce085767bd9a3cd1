//! The text of the configuration file, and what to do where there is none.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, anyhow};
use etcetera::base_strategy::{BaseStrategy as _, Xdg};

/// A configuration file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, for people.
    pub shown: String,
    /// Its text; none when it is not there and nobody named it.
    pub text: Option<String>,
}

impl Source {
    /// Reads the file at `path`, or the one in the configuration directory, which need not be there.
    ///
    /// # Errors
    /// A sentence with the file and what to do.
    pub fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let asked = path.is_some();
        let path = path.map_or_else(default_path, |path| Ok(path.to_owned()))?;
        let shown = path.display().to_string();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self { shown, text: Some(text) }),
            Err(why) if why.kind() == io::ErrorKind::NotFound && !asked => Ok(Self { shown, text: None }),
            Err(why) => Err(unreadable(&shown, &why)),
        }
    }
}

fn unreadable(shown: &str, why: &io::Error) -> anyhow::Error {
    let kind = why.kind();
    if kind == io::ErrorKind::NotFound {
        anyhow!(
            "there is no configuration file {shown}: name another with --config, or make this one; an empty file will do"
        )
    } else if kind == io::ErrorKind::InvalidData {
        anyhow!("{shown} is not UTF-8: save it so")
    } else if kind == io::ErrorKind::PermissionDenied {
        anyhow!("you may not read the configuration file {shown}: see that you may, or {ANOTHER}")
    } else {
        anyhow!("the configuration file {shown} cannot be read: {why}; {ANOTHER}")
    }
}

/// What else can be done about a file that is in the way.
const ANOTHER: &str = "name another with --config FILE";

pub(super) fn default_path() -> anyhow::Result<PathBuf> {
    let xdg = Xdg::new().context("finding the home directory; name a file with --config FILE")?;
    Ok(xdg.config_dir().join("tincan/config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(path: &str) -> String {
        format!("{:#}", Source::read(Some(Path::new(path))).unwrap_err())
    }

    #[test]
    fn a_file_that_was_named_must_be_there_and_what_else_to_do_is_said() {
        assert_eq!(
            why("no/such/file.toml"),
            "there is no configuration file no/such/file.toml: name another with --config, or make this one; \
             an empty file will do"
        );
        let folder = why("/");
        assert!(folder.starts_with("the configuration file / cannot be read: "), "{folder}");
        assert!(folder.ends_with("; name another with --config FILE"), "{folder}");
    }
}
