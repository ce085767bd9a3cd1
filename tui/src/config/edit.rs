//! Changes of the settings, written back into the configuration: one value becomes another, and all else stays as the
//! person wrote it, comments and order included.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use toml_edit::{DocumentMut, Item, RawString, Table, TableLike, Value as Toml};

use super::Config;
use super::source::default_path;
use crate::app::preferences::{Change, Value};
use crate::limits::CONFIG_BYTES_MAX;

/// The file, and what it said when it was last read or written here. A file that says something else by now is
/// somebody's work of this moment: it is not written over.
#[derive(Clone, Debug)]
pub struct Keeper {
    path: PathBuf,
    known: Option<String>,
}

impl Keeper {
    /// For the file at `path`, or the usual one, as it is now.
    ///
    /// # Errors
    /// When there is no home directory to look in, or the file cannot be read.
    pub fn new(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = path.map_or_else(default_path, |path| Ok(path.to_owned()))?;
        let known = text(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self { path, known })
    }

    /// The file, for people.
    pub fn shown(&self) -> String {
        let home = std::env::home_dir();
        let inside = home.as_deref().and_then(|home| self.path.strip_prefix(home).ok());
        inside.map_or_else(|| self.path.display().to_string(), |path| format!("~/{}", path.display()))
    }

    /// Writes one change: into a new file beside the old one, which then takes its place.
    ///
    /// # Errors
    /// When the file was changed meanwhile, is somebody else's or not to be written, or would not be a configuration any
    /// more. It is as it was then.
    pub fn keep(&mut self, change: &Change) -> anyhow::Result<()> {
        let shown = self.shown();
        let now = text(&self.path).with_context(|| format!("reading {shown}"))?;
        if now != self.known {
            bail!("{shown} was changed by somebody else meanwhile; start tincan anew to use it");
        }
        let written = changed(now.as_deref().unwrap_or_default(), change)?;
        Config::parse(&written).with_context(|| format!("{shown} would not be read again"))?;
        if written.len() > CONFIG_BYTES_MAX {
            bail!("{shown} is too long");
        }
        replace(&self.path, &written).with_context(|| format!("writing {shown}"))?;
        self.known = Some(written);
        Ok(())
    }
}

/// None when there is no file.
fn text(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// The text with one value changed.
fn changed(text: &str, Change { table, key, value }: &Change) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse().context("reading it as TOML")?;
    let new = match value {
        Value::Text(text) => Some(Toml::from(text.as_str())),
        Value::Switch(on) => Some(Toml::from(*on)),
        Value::Number(number) => Some(Toml::from(*number)),
        Value::Unset => None,
    };
    let top = document.as_table_mut();
    let inside = if table.is_empty() {
        top
    } else {
        if new.is_none() && !top.contains_key(table) {
            return Ok(text.to_owned());
        }
        let place = top.entry(table).or_insert_with(|| Item::Table(Table::new()));
        place.as_table_like_mut().ok_or_else(|| anyhow!("{table} is not a table"))?
    };
    let mut left = String::new();
    match (inside.get_mut(key).and_then(Item::as_value_mut), new) {
        (Some(old), Some(mut new)) => {
            // What stands around the value, a comment behind it above all, is not ours.
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        (None, Some(new)) => drop(inside.insert(key, Item::Value(new))),
        (_, None) => left = remove(inside, key),
    }
    if !left.is_empty() {
        append(&mut document, table, &left);
    }
    let written = document.to_string();
    // The lines of a file that was written on another system end as they did.
    let foreign = text.contains("\r\n") && !text.replace("\r\n", "").contains('\n');
    Ok(if foreign { written.replace("\r\n", "\n").replace('\n', "\r\n") } else { written })
}

/// Removes a key; the comment above it stays, above the next key. Gives it back where there is none.
fn remove(inside: &mut dyn TableLike, key: &str) -> String {
    let above = inside.key(key).and_then(|key| key.leaf_decor().prefix()?.as_str());
    let comment = above.filter(|above| above.contains('#')).unwrap_or_default().to_owned();
    let next = inside.iter().map(|(name, _)| name).skip_while(|name| *name != key).nth(1).map(str::to_owned);
    inside.remove(key);
    let Some(mut next) = next.as_deref().and_then(|next| inside.key_mut(next)) else { return comment };
    let decor = next.leaf_decor_mut();
    let own = decor.prefix().and_then(RawString::as_str).unwrap_or_default().to_owned();
    decor.set_prefix(comment + &own);
    String::new()
}

/// Puts what was left of the end of a table before the next one, or at the end of the file.
fn append(document: &mut DocumentMut, table: &str, left: &str) {
    let next = table_after(document, table);
    if let Some(next) = next.and_then(|name| document.get_mut(&name)).and_then(Item::as_table_mut) {
        let own = next.decor().prefix().and_then(RawString::as_str).unwrap_or_default().to_owned();
        next.decor_mut().set_prefix(format!("{left}{own}"));
        return;
    }
    let own = document.trailing().as_str().unwrap_or_default().to_owned();
    document.set_trailing(format!("{left}{own}"));
}

/// The table that stands after this one, or the first one after the top.
fn table_after(document: &DocumentMut, table: &str) -> Option<String> {
    let later = document.iter().skip_while(|(name, _)| !table.is_empty() && *name != table);
    let mut later = later.filter(|(name, item)| item.is_table() && *name != table);
    later.next().map(|(name, _)| name.to_owned())
}

/// What the path leads to. A link to nothing leads to what is to be made.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    let mut path = path.to_owned();
    for _ in 0..crate::limits::CONFIG_LINKS_MAX {
        let Ok(to) = fs::read_link(&path) else { return Ok(path) };
        path = path.parent().unwrap_or(Path::new("")).join(to);
    }
    Err(io::Error::other("it is a link to a link, over and over"))
}

/// Puts the text where the file is, all of it or nothing. A link stays a link: its target is replaced.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let path = target(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut mode = 0o600;
    match fs::metadata(&path) {
        Ok(old) => {
            if !fs::OpenOptions::new().write(true).open(&path).is_ok_and(|_| true)
                || old.permissions().readonly()
            {
                bail!("it is not ours to write");
            }
            mode = old.mode() & 0o777;
        }
        Err(_) => fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?,
    }
    let name = path.file_name().ok_or_else(|| anyhow!("it has no name"))?.to_string_lossy();
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = write(&beside, text, mode).and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // Nothing of it is to stay; that it cannot be removed is the smaller trouble.
        let _ = fs::remove_file(&beside);
    }
    Ok(written?)
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    // One of a program that was killed, whose number is ours now.
    let _ = fs::remove_file(path);
    let mut file: File = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // As it was, whatever new files are like here.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn change(table: &'static str, key: &'static str, value: Value) -> Change {
        Change { table, key, value }
    }

    fn edited(text: &str, table: &'static str, key: &'static str, value: Value) -> String {
        changed(text, &change(table, key, value)).unwrap()
    }

    #[test]
    fn comments_and_order_stay() {
        let text = "# mine\nname = \"alice\" # me\n\n[ui] # how it looks\n# dark room\ntheme = \"default\"  # for now\nascii = false\n";
        assert_eq!(
            edited(text, "ui", "theme", Value::Text("contrast".into())),
            text.replace("\"default\"", "\"contrast\"")
        );
        assert_eq!(
            edited(text, "ui", "meter_hz", Value::Number(4)),
            format!("{text}meter_hz = 4\n"),
            "a new key comes last in its table"
        );
        let voice = edited(text, "voice", "delay", Value::Text("low".into()));
        assert_eq!(voice, format!("{text}\n[voice]\ndelay = \"low\"\n"));
        let top = edited(text, "", "speaker", Value::Text("a \"b\"".into()));
        assert_eq!(Config::parse(&top).unwrap().speaker.as_deref(), Some("a \"b\""));
        assert!(top.contains("# mine\nname = \"alice\" # me\n") && top.contains("# dark room\n"), "{top}");
        assert_eq!(
            edited("ui = { ascii = true }\n", "ui", "ascii", Value::Switch(false)),
            "ui = { ascii = false }\n"
        );
        assert_eq!(
            edited("[ui]\nmeter_hz = 4\nascii = true\n", "ui", "meter_hz", Value::Unset),
            "[ui]\nascii = true\n"
        );
        assert_eq!(edited("", "voice", "frame", Value::Unset), "");
        assert!(changed("ui = 7\n", &change("ui", "ascii", Value::Switch(true))).is_err());
    }

    #[test]
    fn a_comment_outlives_the_key_below_it() {
        let unset = |text: &str| edited(text, "voice", "frame", Value::Unset);
        let text = "[voice]\n# slow line here\nframe = 20\n# loud room\ngain_control = \"on\"\n";
        assert_eq!(unset(text), "[voice]\n# slow line here\n# loud room\ngain_control = \"on\"\n");
        let text = "[voice]\n# slow\nframe = 20\n\n# mine\n[ui]\nascii = true\n";
        assert_eq!(unset(text), "[voice]\n# slow\n\n# mine\n[ui]\nascii = true\n");
        assert_eq!(unset("[voice]\n# slow\nframe = 20\n# end\n"), "[voice]\n# slow\n# end\n");
        assert_eq!(unset("[voice]\nframe = 20 # slow\n"), "[voice]\n");
        assert_eq!(unset("voice.frame = 20\nname = \"a\"\n"), "name = \"a\"\n");
    }

    #[test]
    fn lines_end_as_they_did() {
        let text = "# mine\r\nname = \"alice\"\r\n\r\n[ui]\r\nascii = false # dark\r\n";
        let changed = edited(text, "ui", "ascii", Value::Switch(true));
        assert_eq!(changed, text.replace("false", "true"));
        let added = edited(text, "ui", "theme", Value::Text("mono".into()));
        assert_eq!(added, format!("{text}theme = \"mono\"\r\n"));
    }

    /// A link may lead to a file that is still to be made, and modes are what they are whatever new files are like.
    #[test]
    fn a_link_to_nothing_stays_one_and_a_leftover_is_no_hindrance() {
        let scratch = Scratch::new("config-dangling");
        let (real, link) = (scratch.path().join("dots/tincan.toml"), scratch.path().join("config.toml"));
        std::os::unix::fs::symlink("dots/tincan.toml", &link).unwrap();
        let leftover = scratch.path().join(format!("dots/.tincan.toml.{}", std::process::id()));
        fs::create_dir(scratch.path().join("dots")).unwrap();
        fs::write(leftover, "half").unwrap();
        let mut keeper = Keeper::new(Some(&link)).unwrap();
        keeper.keep(&change("ui", "ascii", Value::Switch(true))).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "[ui]\nascii = true\n");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o666)).unwrap();
        keeper.keep(&change("ui", "ascii", Value::Switch(false))).unwrap();
        assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o666);
        assert_eq!(fs::read_dir(real.parent().unwrap()).unwrap().count(), 1);
        std::os::unix::fs::symlink("b", scratch.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", scratch.path().join("b")).unwrap();
        assert!(Keeper::new(Some(&scratch.path().join("a"))).is_err());
    }

    #[test]
    fn a_file_is_made_changed_and_not_written_over() {
        let scratch = Scratch::new("config-edit");
        let path = scratch.path().join("new/config.toml");
        let mut keeper = Keeper::new(Some(&path)).unwrap();
        keeper.keep(&change("ui", "ascii", Value::Switch(true))).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[ui]\nascii = true\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        keeper.keep(&change("ui", "ascii", Value::Switch(false))).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[ui]\nascii = false\n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");

        fs::write(&path, "name = \"eve\"\n").unwrap();
        let said = keeper.keep(&change("ui", "ascii", Value::Switch(true))).unwrap_err().to_string();
        assert!(said.contains("changed by somebody else"), "{said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "name = \"eve\"\n");
    }

    /// What the next start would refuse is not written: it would shut out whoever changed a setting.
    #[test]
    fn what_would_not_be_read_again_is_not_written() {
        let scratch = Scratch::new("config-unread");
        let path = scratch.path().join("config.toml");
        fs::write(&path, "# mine\n[voice]\ndelay = \"low\"\n").unwrap();
        let mut keeper = Keeper::new(Some(&path)).unwrap();
        let said = keeper.keep(&change("voice", "delay", Value::Text("never".into()))).unwrap_err();
        assert!(format!("{said:#}").contains("would not be read again"), "{said:#}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n[voice]\ndelay = \"low\"\n");
        keeper.keep(&change("voice", "delay", Value::Text("path".into()))).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n[voice]\ndelay = \"path\"\n");
    }

    #[test]
    fn a_link_stays_a_link_and_modes_stay() {
        let scratch = Scratch::new("config-link");
        let (real, link) = (scratch.path().join("dotfile"), scratch.path().join("config.toml"));
        fs::write(&real, "# mine\n").unwrap();
        fs::set_permissions(&real, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut keeper = Keeper::new(Some(&link)).unwrap();
        keeper.keep(&change("", "speaker", Value::Text("x".into()))).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o640);
        assert!(fs::read_to_string(&real).unwrap().contains("speaker = \"x\""));

        fs::set_permissions(&real, std::os::unix::fs::PermissionsExt::from_mode(0o440)).unwrap();
        let said = format!("{:#}", keeper.keep(&change("", "speaker", Value::Text("y".into()))).unwrap_err());
        assert!(said.contains("not ours to write"), "{said}");
        assert!(fs::read_to_string(&real).unwrap().contains("speaker = \"x\""));
    }
}
