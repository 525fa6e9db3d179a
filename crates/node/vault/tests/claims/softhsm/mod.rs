//! A SoftHSM whose tokens lie in a test's own folder: Debian's package `softhsm2`, which
//! `./test tools` installs.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const PIN: &str = "planted-pin-7391";

/// Where systems put the module.
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// The PKCS#11 module.
pub fn module() -> PathBuf {
    let found = MODULES.iter().map(PathBuf::from).find(|path| path.exists());
    found.expect("SoftHSM 2 is missing: `./test tools` installs it, or the package softhsm2")
}

/// What names the folder's tokens to the module, as the variable `SOFTHSM2_CONF`.
pub fn configure(folder: &Path) -> PathBuf {
    let (tokens, config) = (folder.join("tokens"), folder.join("softhsm2.conf"));
    fs::create_dir(&tokens).unwrap();
    fs::write(&config, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    config
}

/// A new token with this label and [`PIN`].
pub fn make_token(config: &Path, label: &str) {
    let ran = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN])
        .env("SOFTHSM2_CONF", config)
        .output()
        .expect("`softhsm2-util` of the package softhsm2");
    assert!(ran.status.success(), "{ran:?}");
}

/// A file with this PIN that its owner alone can read.
pub fn pin_file(folder: &Path, name: &str, pin: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("{pin}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}
