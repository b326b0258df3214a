//! The direction of dependencies, and who may name what.

use std::collections::BTreeSet;

use anyhow::Result;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Libraries that one crate wraps, and that crate: everybody else speaks its language.
const ONE_CRATE: [(&str, &str); 11] = [
    ("rusqlite", "dallosh-store"),
    ("mongodb", "dallosh-store"),
    ("lapin", "dallosh-broker"),
    ("aws-sdk-s3", "dallosh-storage"),
    ("aws-config", "dallosh-storage"),
    ("parquet", "dallosh-dataset"),
    ("arrow", "dallosh-dataset"),
    ("encoding_rs", "dallosh-dataset"),
    ("jiff", "dallosh-analysis"),
    ("argon2", "dallosh-auth"),
    ("ed25519-dalek", "dallosh-auth"),
];

/// What nothing here depends on: our own reader replaces it, as an ADR says.
const NOBODY: [&str; 3] = ["polars", "openssl", "native-tls"];

fn workspace() -> Result<Metadata> {
    Ok(MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .no_deps()
        .exec()?)
}

fn dependencies(package: &Package) -> BTreeSet<&str> {
    package.dependencies.iter().filter(|one| one.kind == DependencyKind::Normal).map(|one| one.name.as_str()).collect()
}

fn is_service(package: &Package) -> bool {
    package.manifest_path.as_str().contains("/services/")
}

#[test]
fn crates_know_no_service_and_services_know_no_other_service() -> Result<()> {
    let workspace = workspace()?;
    let services: BTreeSet<_> =
        workspace.packages.iter().filter(|package| is_service(package)).map(|package| package.name.as_str()).collect();
    assert!(services.len() >= 6, "the services are found");
    for package in workspace.packages.iter().filter(|package| package.name.as_str() != "dallosh") {
        let known: Vec<_> = dependencies(package).into_iter().filter(|name| services.contains(name)).collect();
        assert!(known.is_empty(), "{} depends on {known:?}", package.name);
    }
    Ok(())
}

#[test]
fn primitives_know_nothing_of_ours() -> Result<()> {
    let workspace = workspace()?;
    for package in workspace.packages.iter().filter(|package| package.name.as_str() == "dallosh-primitives") {
        assert!(!dependencies(package).iter().any(|name| name.starts_with("dallosh")));
    }
    Ok(())
}

#[test]
fn a_wrapped_library_is_named_by_one_crate_alone() -> Result<()> {
    let workspace = workspace()?;
    for package in &workspace.packages {
        let known = dependencies(package);
        for (library, owner) in ONE_CRATE {
            assert!(
                package.name.as_str() == owner || !known.contains(library),
                "{} names {library}, which is {owner}'s",
                package.name
            );
        }
        for library in NOBODY {
            assert!(!known.contains(library), "{} names {library}", package.name);
        }
    }
    for (library, owner) in ONE_CRATE {
        let found = workspace
            .packages
            .iter()
            .any(|package| package.name.as_str() == owner && dependencies(package).contains(library));
        assert!(found, "{owner} no longer names {library}: the rule is out of date");
    }
    Ok(())
}
