//! The registry server that tests push components to: the one that is installed, else Debian's package of it, unpacked below
//! `target/`. Nothing is installed; where neither is to be had, those tests say that they skip.

use std::{fs, path::Path, process::Command};

use crate::{
    say,
    steps::{Steps, root, succeeds},
};

/// Debian's package, and the program in it.
const PACKAGE: &str = "docker-registry";

/// Where it is unpacked; the tests look there.
const FOLDER: &str = "target/registry";

/// Finds or unpacks the program; where that cannot be, says why.
pub(crate) fn prepare(steps: &mut Steps) {
    let folder = root().join(FOLDER);
    if runs(Path::new(PACKAGE)) || runs(&folder.join("usr/bin").join(PACKAGE)) {
        return;
    }
    say("\n=== unpacking a registry from Debian's packages");
    if let Err(why) = unpack(&folder) {
        steps.skip("tests with a registry", &why);
    }
}

fn runs(program: &Path) -> bool {
    succeeds(Command::new(program).arg("--version"))
}

fn unpack(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let download = || {
        let mut get = Command::new("apt-get");
        get.args(["download", PACKAGE]).current_dir(folder);
        succeeds(&mut get)
    };
    // The lists of a machine may be older than the package.
    if !download() {
        let _refused = succeeds(Command::new("apt-get").arg("update"));
        if !download() {
            return Err(format!(
                "`{PACKAGE}` is not installed, and apt has none to download"
            ));
        }
    }
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    for package in files.filter(|path| path.extension().is_some_and(|ending| ending == "deb")) {
        if !succeeds(Command::new("dpkg").arg("-x").arg(&package).arg(folder)) {
            return Err(format!("`{}` cannot be unpacked", package.display()));
        }
    }
    if runs(&folder.join("usr/bin").join(PACKAGE)) {
        Ok(())
    } else {
        Err(format!("Debian's `{PACKAGE}` does not run here"))
    }
}
