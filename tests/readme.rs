//! What the README says, where it can be checked. (Its Rust is a doctest.)

use std::path::Path;

use easyauth::ConfigBuilder;

#[test]
fn the_example_of_a_configuration_file_is_accepted() {
    let json = README.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let secret = |name: &str| (name == "OIDC_CLIENT_SECRET").then(|| "secret".to_owned());

    ConfigBuilder::from_auth_json_in(json, secret).unwrap().build().unwrap();
}

#[test]
fn every_file_that_is_linked_to_is_there() {
    let targets = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: Vec<_> = targets.filter(|target| !target.contains("://")).collect();

    assert!(files.len() > 10, "{files:?}");
    for file in files {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(), "{file}");
    }
}

const README: &str = include_str!("../README.md");
