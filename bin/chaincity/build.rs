//! Embeds the packages, the benchmark's among them, so that one binary can found a city.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn files(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut code = String::from("&[\n");
    for folder in ["../../packages", "../../bench/packages"] {
        let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join(folder).canonicalize()?;
        println!("cargo:rerun-if-changed={}", root.display());
        let mut found = Vec::new();
        files(&root, &mut found)?;
        for path in found {
            let name = path.strip_prefix(&root)?;
            writeln!(code, "    ({:?}, include_str!({path:?})),", name.display().to_string())?;
        }
    }
    code.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("packages.rs"), code)?;
    Ok(())
}
