//! Where recordings go and what they are called: by the time they began and those who were in the call.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use etcetera::base_strategy::{BaseStrategy as _, Xdg};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proto::Wall;
use proto::id::Name;
use proto::media::Tape;

/// Names in the name of a file: more would make it longer than some disks allow.
const NAMES_MAX: usize = 3;

/// A recording that begins now, in the folder that was configured or in the usual one.
///
/// # Errors
/// When there is no home directory, or the folder has no name in UTF-8.
pub fn tape(folder: Option<&Path>, now: Wall, zone: &TimeZone, with: &[Name]) -> anyhow::Result<Tape> {
    let folder = folder.map_or_else(usual, |folder| Ok(folder.to_owned()))?;
    let folder = std::path::absolute(folder).context("finding the folder of recordings")?;
    let path = folder.join(file_name(now, zone, with));
    let path = path.to_str().context("the folder of recordings has a name that is not UTF-8")?;
    Ok(Tape { path: path.to_owned(), title: title(with) })
}

fn usual() -> anyhow::Result<PathBuf> {
    let what = "finding the folder of recordings; name one in the configuration, as recordings = \"DIR\"";
    let xdg = Xdg::new().context(what)?;
    Ok(xdg.state_dir().context(what)?.join("tincan/recordings"))
}

fn file_name(now: Wall, zone: &TimeZone, with: &[Name]) -> String {
    let when = i64::try_from(now.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let when = when.unwrap_or_default().to_zoned(zone.clone()).strftime("%Y-%m-%d_%H-%M-%S").to_string();
    let mut name = when;
    for with in with.iter().take(NAMES_MAX) {
        name = format!("{name}_{with}");
    }
    if with.len() > NAMES_MAX {
        name = format!("{name}_and-{}-others", with.len() - NAMES_MAX);
    }
    name + ".opus"
}

fn title(with: &[Name]) -> String {
    let names: Vec<&str> = with.iter().map(Name::as_str).collect();
    format!("A call with {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_named_by_when_and_with_whom() {
        let names: Vec<Name> =
            ["bob", "carol", "dave", "erin", "frank"].map(|n| Name::parse(n).unwrap()).into();
        let at = Wall(1_764_081_125_000);
        let folder = Path::new("/somewhere");
        let tape = |with| tape(Some(folder), at, &TimeZone::UTC, with).unwrap();
        assert_eq!(tape(&names[..1]).path, "/somewhere/2025-11-25_14-32-05_bob.opus");
        assert_eq!(tape(&names).path, "/somewhere/2025-11-25_14-32-05_bob_carol_dave_and-2-others.opus");
        assert_eq!(tape(&names[..2]).title, "A call with bob, carol");
        assert_eq!(tape(&[]).path, "/somewhere/2025-11-25_14-32-05.opus");
    }
}
