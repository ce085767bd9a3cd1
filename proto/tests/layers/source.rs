//! Reads Rust source just well enough to see which rooms a file mentions: comments, strings and test modules are
//! blanked (lines keep their numbers), then every `crate::` and `super::` path is followed through its braces.

/// A path as written in a file, made absolute: `crate::wire::{frame, reader::Reader}` gives two of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// Source with comments, literals and `#[cfg(test)]` modules replaced by blanks.
pub(crate) fn code_only(source: &str) -> String {
    without_test_modules(&blank_literals(source))
}

/// Every path that starts at `root` (`crate` or another crate's name); for `crate` also those that start at
/// `super`, with `module` as the path of the file's own module.
pub(crate) fn mentions(code: &str, root: &str, module: &[String]) -> Vec<Mention> {
    let mut found = Vec::new();
    for (at, word) in words(code) {
        if code[..at].ends_with(':') || code[..at].ends_with('.') {
            continue;
        }
        let mut base = match word {
            _ if word == root => Vec::new(),
            "super" if root == "crate" => parent(module),
            _ => continue,
        };
        let line = code[..at].matches('\n').count() + 1;
        let mut rest = &code[at + word.len()..];
        while let Some(after) = rest.strip_prefix("::super") {
            base = parent(&base);
            rest = after;
        }
        let Some(tree) = rest.strip_prefix("::") else { continue };
        let mut paths = Vec::new();
        follow(tree, &base, &mut paths);
        found.extend(paths.into_iter().map(|path| Mention { line, path }));
    }
    found
}

fn parent(module: &[String]) -> Vec<String> {
    module[..module.len().saturating_sub(1)].to_vec()
}

/// Identifiers with their byte positions.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    core::iter::from_fn(move || {
        at += code[at..].find(is_word)?;
        let start = at;
        at += code[at..].find(|c| !is_word(c)).unwrap_or(code.len() - at);
        Some((start, &code[start..at]))
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Follows one branch of a path tree; returns what is left of the text after it.
fn follow<'a>(text: &'a str, base: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(inner) = text.strip_prefix('{') {
        return follow_group(inner, base, paths);
    }
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let mut path = base.to_vec();
    if end > 0 && &text[..end] != "self" {
        path.push(text[..end].to_owned());
    }
    match text[end..].strip_prefix("::") {
        Some(deeper) if end > 0 && !deeper.starts_with('<') => follow(deeper, &path, paths),
        _ => {
            paths.push(path);
            &text[end..]
        }
    }
}

fn follow_group<'a>(mut text: &'a str, base: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    loop {
        text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if let Some(rest) = text.strip_prefix('}') {
            return rest;
        }
        if text.is_empty() {
            return text;
        }
        text = follow(text, base, paths);
        // `Thing as Other` and `*` carry nothing about rooms.
        let next = text.find([',', '}']).unwrap_or(text.len());
        text = &text[next..];
    }
}

fn blank_literals(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut i = 0;
    while i < bytes.len() {
        let end = literal_end(&bytes, i);
        if end == i {
            out.push(bytes[i]);
            i += 1;
            continue;
        }
        out.extend(bytes[i..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        i = end;
    }
    out
}

/// Where the comment or literal that starts at `i` ends; `i` itself when none starts there.
fn literal_end(text: &[char], i: usize) -> usize {
    let next = text.get(i + 1).copied().unwrap_or('\0');
    let word_before = i > 0 && is_word(text[i - 1]);
    match text[i] {
        '/' if next == '/' => text[i..].iter().position(|&c| c == '\n').map_or(text.len(), |n| i + n),
        '/' if next == '*' => block_comment_end(text, i),
        'r' if !word_before && (next == '"' || next == '#') => raw_string_end(text, i),
        '"' => quoted_end(text, i, '"'),
        // A lifetime has no closing quote right behind its first character.
        '\'' if next == '\\' || text.get(i + 2) == Some(&'\'') => quoted_end(text, i, '\''),
        _ => i,
    }
}

fn quoted_end(text: &[char], start: usize, quote: char) -> usize {
    let mut i = start + 1;
    while i < text.len() && text[i] != quote {
        i += if text[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(text.len())
}

fn raw_string_end(text: &[char], start: usize) -> usize {
    let hashes = text[start + 1..].iter().take_while(|&&c| c == '#').count();
    let open = start + 1 + hashes;
    if text.get(open) != Some(&'"') {
        return start; // a raw identifier
    }
    let closes = |i: usize| {
        text[i] == '"' && text[i + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    (open + 1..text.len()).find(|&i| closes(i)).map_or(text.len(), |i| i + 1 + hashes)
}

fn block_comment_end(text: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0usize, start);
    while i + 1 < text.len() {
        match (text[i], text[i + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            return i;
        }
    }
    text.len()
}

/// Tests may reach where the house may not; only modules behind `#[cfg(test)]` count as such.
fn without_test_modules(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(at) = out.find("#[cfg(test)]") {
        let end = item_end(&out, at);
        let blank: String = out[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(at..end, &blank);
    }
    out
}

/// The item behind an attribute ends at its semicolon or at the brace that closes its body.
fn item_end(code: &str, at: usize) -> usize {
    let mut depth = 0usize;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + offset + 1;
                }
            }
            ';' if depth == 0 => return at + offset + 1,
            _ => {}
        }
    }
    code.len()
}
