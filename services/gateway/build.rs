//! Lists the files of the built frontend, so that the binary has them. Without one there is none to list.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let var = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name.to_owned()));
    let frontend = var("CARGO_MANIFEST_DIR")?.join("../../frontend");
    let out = frontend.join("out");
    println!("cargo::rerun-if-changed=build.rs");
    // A place that is watched and not there would have everything built anew each time.
    if let Some(watched) = [&out, &frontend].into_iter().find(|place| place.exists()) {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let mut files = Vec::new();
    if out.is_dir() {
        find(&out.canonicalize()?, "", &mut files)?;
    }
    files.sort();
    let lines: Vec<_> =
        files.iter().map(|(name, path)| format!("    ({name:?}, include_bytes!({path:?})),\n")).collect();
    fs::write(var("OUT_DIR")?.join("frontend.rs"), format!("&[\n{}]\n", lines.concat()))
}

/// Gathers the files below a folder: the path below the site's root, with slashes, and the place.
fn find(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            find(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, entry.path().to_string_lossy().into_owned()));
        }
    }
    Ok(())
}
