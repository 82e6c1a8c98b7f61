//! The order of the house: which module may name which, and what no file may have.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules, from the edge down. A module names only those in rows below its own.
const ROWS: &[&[&str]] = &[
    &["layer"],
    &["service"],
    &["future"],
    &["extract"],
    &["routes"],
    &["relying_party"],
    &["error"],
    &["config"],
    &["provider", "store", "client"],
    &["directory", "flight", "http_client"],
    // Two languages that never meet. From here down all is pure: what the time is and what was
    // drawn come in as arguments.
    &["oauth", "wire"],
    &["seal"],
    &["record"],
    &["pending_login"],
    &["session"],
    &["principal", "return_to"],
    &["token"],
    &["api_prefix", "origin"],
    // The development provider knows nothing of ours but what every program needs.
    &["path", "dev_idp"],
    &["secret", "clock"],
];

/// What has no place in the pure rows, and who is allowed it all the same.
const IMPURE: &[(&str, &[&str])] = &[
    ("async", &["dev_idp"]),
    ("await", &["dev_idp"]),
    ("tokio", &["dev_idp"]),
    ("SystemTime", &["clock", "dev_idp"]),
    ("Instant", &["clock", "dev_idp"]),
    ("SystemRandom", &["seal", "dev_idp"]),
    ("new_random", &[]),
    ("new_random_sha256", &[]),
    ("thread_rng", &[]),
];

const PANICS: &[&str] =
    &[".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!", "unreachable!"];

/// A suite for authors of stores: it is there to panic.
const MAY_PANIC: &str = "src/store/conformance/";

const MAX_LINES: usize = 400;

/// The methods of the reader's `Section` that take a member's name.
const READS: &[&str] = &[
    "section",
    "each",
    "take",
    "object",
    "text",
    "texts",
    "truth",
    "whole_number",
    "time_span",
    "hours",
    "choice",
    "enumeration",
    "either",
    "only",
];

/// Where they are documented.
const SETTINGS: &str = "src/config/azure/settings.md";

const BANNED_CRATES: &[&str] = &[
    "openssl",
    "openssl-sys",
    "aws-lc-rs",
    "aws-lc-sys",
    "rsa",
    "native-tls",
    "async-std",
    "smol",
];

#[test]
fn a_module_names_only_rows_below_its_own() {
    expect_none(files().iter().flat_map(upward_names));
}

#[test]
fn every_module_has_one_row() {
    let rows: Vec<&str> = ROWS.iter().copied().flatten().copied().collect();
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "a module has two rows");
    let modules: BTreeSet<String> =
        files().iter().filter_map(|file| file.module.first().cloned()).collect();
    assert!(modules.len() > 20, "only {modules:?}");
    expect_none(modules.iter().filter(|module| row(module).is_none()).map(|module| {
        format!("src/{module}: no row; put it into ROWS of tests/architecture.rs where it belongs")
    }));
}

#[test]
fn from_the_formats_down_all_is_pure() {
    expect_none(files().iter().flat_map(impurities));
}

#[test]
fn no_file_is_long() {
    expect_none(files().iter().filter(|file| file.lines > MAX_LINES).map(|file| {
        format!("{}: {} lines without its tests; split it by {MAX_LINES}", file.path, file.lines)
    }));
}

#[test]
fn nothing_panics() {
    expect_none(files().iter().flat_map(panics));
}

#[test]
fn every_file_says_first_what_it_is() {
    let says = |file: &File| fs::read_to_string(&file.path).unwrap().starts_with("//! ");
    expect_none(
        files()
            .iter()
            .filter(|file| !says(file))
            .map(|file| format!("{}: does not begin with `//!`; say what it is", file.path)),
    );
}

#[test]
fn every_setting_that_is_read_is_documented() {
    let settings: Vec<(String, String)> = files()
        .into_iter()
        .filter(|file| file.path.starts_with("src/config/azure/"))
        .flat_map(|file| {
            let text = fs::read_to_string(&file.path).unwrap();
            settings_read(&text).into_iter().map(move |name| (file.path.clone(), name))
        })
        .collect();
    assert!(settings.len() > 40, "only {settings:?}");
    let document = fs::read_to_string(SETTINGS).unwrap();
    let documented: BTreeSet<&str> = words(&document).map(|(_, word)| word).collect();
    let missing = settings.iter().filter(|(_, name)| !documented.contains(name.as_str()));
    expect_none(missing.map(|(path, name)| format!("{path}: {name} is not in {SETTINGS}")));
}

#[test]
fn the_lock_file_has_no_banned_crate() {
    let lock = fs::read_to_string("Cargo.lock").unwrap();
    let crates: BTreeSet<&str> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(crates.contains("ring"), "the list is not what it is taken for");
    expect_none(BANNED_CRATES.iter().filter(|name| crates.contains(*name)).map(|name| {
        format!("Cargo.lock: {name} is banned; `cargo tree -i {name}` says who brings it")
    }));
}

/// The members that the reader of `auth.json` asks for.
fn settings_read(text: &str) -> Vec<String> {
    let asked = READS.iter().flat_map(|read| {
        let call = format!(".{read}(");
        let after = text.match_indices(&call).map(|(at, _)| at + call.len()).collect::<Vec<_>>();
        after.into_iter().filter_map(|at| text[at..].trim_start().strip_prefix('"'))
    });
    asked.filter_map(|name| name.split('"').next().map(str::to_owned)).collect()
}

/// A file of the library, without comments, literals and tests.
struct File {
    path: String,
    /// `["wire", "cookie"]` for `src/wire/cookie.rs`; empty for `src/lib.rs`.
    module: Vec<String>,
    code: String,
    /// Lines, not counting inline tests.
    lines: usize,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let bare = blank_literals(text);
        let code = blank_tests(&bare);
        let test_lines = bare
            .lines()
            .zip(code.lines())
            .filter(|(before, after)| !before.trim().is_empty() && after.trim().is_empty())
            .count();
        let path = path.replace('\\', "/");
        let module = path
            .trim_start_matches("src/")
            .trim_end_matches(".rs")
            .split('/')
            .filter(|segment| !matches!(*segment, "mod" | "lib"))
            .map(str::to_owned)
            .collect();
        Self { path, module, code, lines: text.lines().count() - test_lines }
    }

    fn line_of(&self, position: usize) -> usize {
        self.code[..position].matches('\n').count() + 1
    }

    /// What the file names of the crate's root, with the line.
    fn names(&self) -> Vec<(usize, String)> {
        let mut names = Vec::new();
        for (position, word) in words(&self.code) {
            // `r.super::x` does not exist: both words begin a path wherever they are.
            let after = &self.code[position + word.len()..];
            let depth = match word {
                "crate" => Some(after),
                "super" => self.past_the_root(position, after),
                _ => None,
            };
            let Some(path) = depth.and_then(|path| path.strip_prefix("::")) else { continue };
            let line = self.line_of(position);
            names.extend(heads(path).into_iter().map(|name| (line, name)));
        }
        names
    }

    /// What follows the last `super` of a chain that ends at the crate's root.
    fn past_the_root<'a>(&self, position: usize, after: &'a str) -> Option<&'a str> {
        if self.code[..position].ends_with("super::") {
            return None;
        }
        let mut rest = after;
        let mut up = 1;
        while let Some(next) = rest.strip_prefix("::super") {
            rest = next;
            up += 1;
        }
        (up == self.module.len()).then_some(rest)
    }
}

/// The first segments of a path, or of all paths in its braces.
fn heads(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        return words(path).next().map(|(_, name)| name.to_owned()).into_iter().collect();
    };
    let mut depth = 0;
    let mut heads = vec![String::new()];
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(String::new()),
            _ => {}
        }
        heads.last_mut().unwrap().push(character);
    }
    heads.iter().filter_map(|head| words(head).next().map(|(_, name)| name.to_owned())).collect()
}

/// The identifiers and keywords of `code`, with their places.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let in_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut position = 0;
    code.split_inclusive(move |character: char| !in_word(character)).filter_map(move |piece| {
        let start = position;
        position += piece.len();
        let word = piece.trim_end_matches(|character: char| !in_word(character));
        (!word.is_empty()).then_some((start, word))
    })
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

fn upward_names(file: &File) -> Vec<String> {
    let Some(module) = file.module.first() else { return Vec::new() };
    let own = row(module).unwrap_or(usize::MAX);
    file.names()
        .into_iter()
        .filter(|(_, name)| name != module && row(name).is_none_or(|named| named <= own))
        .map(|(line, name)| format!("{}:{line}: {module} uses {name}", file.path))
        .collect()
}

fn impurities(file: &File) -> Vec<String> {
    let formats = row("wire").unwrap();
    let Some(module) = file.module.first() else { return Vec::new() };
    if row(module).is_some_and(|row| row < formats) {
        return Vec::new();
    }
    let forbidden = |word: &str| {
        let allowed = IMPURE.iter().find(|(impure, _)| *impure == word);
        allowed.is_some_and(|(_, allowed)| !allowed.contains(&module.as_str()))
    };
    words(&file.code)
        .filter(|(_, word)| forbidden(word))
        .map(|(at, word)| format!("{}:{}: {module} uses `{word}`", file.path, file.line_of(at)))
        .collect()
}

fn panics(file: &File) -> Vec<String> {
    if file.path.starts_with(MAY_PANIC) {
        return Vec::new();
    }
    let found = PANICS.iter().flat_map(|panic| file.code.match_indices(panic));
    found.map(|(at, panic)| format!("{}:{}: `{panic}`", file.path, file.line_of(at))).collect()
}

fn expect_none(findings: impl Iterator<Item = String>) {
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// The library's files, but those that are tests as a whole.
fn files() -> Vec<File> {
    let mut texts = BTreeMap::new();
    for path in rust_files(Path::new("src")) {
        texts.insert(path.to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    }
    let tests: Vec<String> = texts.iter().flat_map(|(path, text)| test_files(path, text)).collect();
    assert!(tests.iter().any(|path| path == "src/seal/tests.rs"), "only {tests:?}");
    let files: Vec<File> = texts
        .iter()
        .filter(|(path, _)| !tests.contains(path))
        .map(|(path, text)| File::new(path, text))
        .collect();
    assert!(files.len() > 50, "only {} files", files.len());
    assert!(files.iter().map(|file| file.names().len()).sum::<usize>() > 100, "nothing is named");
    files
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The files that `text` declares as modules for tests only.
fn test_files(path: &str, text: &str) -> Vec<String> {
    let directory = path
        .strip_suffix("/mod.rs")
        .or_else(|| path.strip_suffix("/lib.rs"))
        .or_else(|| path.strip_suffix(".rs"))
        .unwrap();
    text.split("#[cfg(test)]")
        .skip(1)
        .filter_map(|after| {
            let declared = after.trim_start().trim_start_matches("pub(crate) ");
            let (name, _) = declared.strip_prefix("mod ")?.split_once(';')?;
            let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
            is_name.then(|| format!("{directory}/{name}.rs"))
        })
        .collect()
}

/// `text` with spaces for comments and literals; lines stay where they are.
fn blank_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal(rest, code.chars().last()).unwrap_or(0);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (blanked, after) = rest.split_at(length);
        code.extend(blanked.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    code
}

/// How long the comment or literal is that `text` begins with, if it does.
fn literal(text: &str, before: Option<char>) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(text.find("*/").map_or(text.len(), |end| end + 2));
    }
    if before.is_some_and(|character| character.is_alphanumeric() || character == '_') {
        return (text.starts_with('"')).then(|| quoted(text, '"'));
    }
    let unprefixed = text.strip_prefix('b').unwrap_or(text);
    let prefix = text.len() - unprefixed.len();
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = prefix + 1 + hashes + 1;
            return Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()));
        }
    }
    if unprefixed.starts_with('"') {
        return Some(prefix + quoted(unprefixed, '"'));
    }
    let mut characters = unprefixed.strip_prefix('\'')?.chars();
    let is_character = match characters.next()? {
        '\\' => true,
        _ => characters.next() == Some('\''),
    };
    is_character.then(|| prefix + quoted(unprefixed, '\''))
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `code` with spaces for all that is there for tests only.
fn blank_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(at);
        let (item, after) = item.split_at(end_of_item(item));
        kept.push_str(before);
        kept.extend(item.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    kept + rest
}

fn end_of_item(item: &str) -> usize {
    let mut depth = 0;
    for (at, character) in item.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(character, '}' | ';') {
            return at + 1;
        }
    }
    item.len()
}

// The scanner itself: what is planted is found, and nothing else.

#[test]
fn upward_names_are_found_however_they_are_written() {
    for (path, text, expected) in [
        ("src/wire/me.rs", "use crate::store::X;", Some("src/wire/me.rs:1: wire uses store")),
        (
            "src/wire/me.rs",
            "\n\nfn f(x: crate::oauth::X) {}",
            Some("src/wire/me.rs:3: wire uses oauth"),
        ),
        ("src/seal.rs", "use super::wire::X;", Some("src/seal.rs:1: seal uses wire")),
        ("src/wire/me.rs", "use super::super::store;", Some("src/wire/me.rs:1: wire uses store")),
        (
            "src/wire/me.rs",
            "use crate::{clock, config::{A, B}};",
            Some("src/wire/me.rs:1: wire uses config"),
        ),
        (
            "src/wire/me.rs",
            "use super::super::{\n clock,\n store};",
            Some("src/wire/me.rs:1: wire uses store"),
        ),
        ("src/wire/me.rs", "use crate::{self as root};", Some("src/wire/me.rs:1: wire uses self")),
        ("src/secret.rs", "use crate::Principal;", Some("src/secret.rs:1: secret uses Principal")),
        (
            "src/dev_idp/page.rs",
            "use crate::path;",
            Some("src/dev_idp/page.rs:1: dev_idp uses path"),
        ),
        ("src/wire/me.rs", "pub(crate) use super::cookie; use crate::wire::x;", None),
        ("src/wire/me.rs", "// crate::store\nconst A: &str = \"crate::store\";", None),
        ("src/wire/me.rs", "#[cfg(test)]\nmod tests { use crate::store::X; }", None),
        ("src/wire/me.rs", "use crate::{clock, seal::{Key, store}};", None),
        ("src/routes/me.rs", "use crate::{config, error::Error, wire};", None),
        ("src/lib.rs", "pub use crate::store::X;", None),
    ] {
        let found = upward_names(&File::new(path, text));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn impurities_and_panics_are_found() {
    for (path, text, count) in [
        ("src/wire/me.rs", "async fn f() { tokio::spawn(x).await }", 3),
        ("src/oauth/jws.rs", "let now = SystemTime::now();", 1),
        ("src/seal.rs", "use std::time::Instant;", 1),
        ("src/oauth/jws.rs", "use ring::rand::SystemRandom;", 1),
        ("src/seal.rs", "use ring::rand::SystemRandom;", 0),
        ("src/clock.rs", "use std::time::SystemTime;", 0),
        ("src/store/file/mod.rs", "async fn f() {}", 0),
    ] {
        assert_eq!(impurities(&File::new(path, text)).len(), count, "{text}");
    }
    for (text, count) in [
        ("x.unwrap(); y.expect(\"why\"); panic!(); todo!()", 4),
        ("x.unwrap_or(1); // x.unwrap()\n#[expect(dead_code)] const A: &str = \".unwrap()\";", 0),
        ("#[cfg(test)] mod tests { fn f() { x.unwrap() } }\nfn g() { x.unwrap() }", 1),
    ] {
        let found = panics(&File::new("src/wire/me.rs", text));
        assert_eq!(found.len(), count, "{text}: {found:?}");
    }
    assert_eq!(panics(&File::new(&format!("{MAY_PANIC}x.rs"), "x.unwrap()")), [""; 0]);
}

#[test]
fn literals_and_comments_are_told_from_code() {
    for (text, expected) in [
        ("a \"b\\\"c\" d", "a        d"),
        ("a r#\"b\"c\"# d", "a          d"),
        ("a b\"b\" d", "a      d"),
        ("'a' 'b: b'\"' c", "    'b:      c"),
        ("'\\'' a", "     a"),
        ("&'static str", "&'static str"),
        ("a /* b\n c */ d", "a     \n      d"),
        ("a // b\nc", "a     \nc"),
    ] {
        assert_eq!(blank_literals(text), expected, "{text}");
    }
}

#[test]
fn settings_are_found_where_they_are_read() {
    let text =
        "s.text(\"a\")?; s.section(\n  \"b\", |s| s.truth(\"c\")); let d = text(\"d\"); s.text(e)";
    let mut found = settings_read(text);
    found.sort();
    assert_eq!(found, ["a", "b", "c"]);
}

#[test]
fn inline_tests_are_not_counted_as_lines() {
    let long = "#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
    assert_eq!(File::new("src/seal.rs", &format!("use a;\n{long}fn b() {{}}\n")).lines, 2);
    assert_eq!(test_files("src/oauth/mod.rs", "#[cfg(test)]\nmod keys;"), ["src/oauth/keys.rs"]);
    assert_eq!(test_files("src/seal.rs", "#[cfg(test)]\nmod tests;"), ["src/seal/tests.rs"]);
}
