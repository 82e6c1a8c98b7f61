//! What the README says, where it can be checked. (Its Rust is a doctest.)

use std::fs;
use std::path::Path;

use easyauth::ConfigBuilder;

#[test]
fn the_example_of_a_configuration_file_is_accepted() {
    let json = README.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let secret = |name: &str| (name == "OIDC_CLIENT_SECRET").then(|| "secret".to_owned());

    ConfigBuilder::from_auth_json_in(json, secret).unwrap().build().unwrap();
}

#[test]
fn everything_that_is_linked_to_is_there() {
    let targets = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: Vec<_> = targets.filter(|target| !target.contains("://")).collect();

    assert!(files.len() > 10, "{files:?}");
    let headings = README.lines().filter_map(|line| line.strip_prefix("## "));
    let anchors: Vec<_> =
        headings.map(|heading| format!("#{}", heading.to_lowercase().replace(' ', "-"))).collect();
    for file in files {
        let is_file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file();
        assert!(is_file || anchors.iter().any(|anchor| anchor == file), "{file}");
    }
}

#[test]
fn every_test_of_an_sdk_that_is_named_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let replayed = read("sdks.rs");
    let suites = ["chromium", "node", "server"].map(|suite| {
        let file = read(&format!("suites/sdk/{suite}.test.mjs"));
        file.replace('"', "'")
    });
    let named = |mark: &str| -> Vec<String> {
        let table = README.split(&format!("| {mark} | does |")).nth(1).unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit("| ").next());
        cells.flat_map(|cell| cell.split("; ")).map(|name| name.replace('`', "")).collect()
    };

    let (runs, replays) = (named("●"), named("○"));
    assert!(runs.len() > 10 && replays.len() > 10, "{runs:?} {replays:?}");
    for name in replays {
        assert!(replayed.contains(&format!("fn {name}(")), "{name}");
    }
    for name in runs {
        let test = format!("test('{name}'");
        assert!(suites.iter().any(|suite| suite.contains(&test)), "{name}");
    }
}

const README: &str = include_str!("../README.md");
