//! Rule files as commands name them: `.btr` and `.wasm` files, folders of both, `-` for standard input.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    console::Console,
    exit::Failure,
    oci::{Place, Pulled, Registry, RegistryArgs},
    source::DenyArgs,
};
use crate::api::{limits::PACKS_PER_REQUEST_MAX, wire::PackUpload};

/// The largest file that is read as rules; the compiler and the loader have tighter bounds of their own.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// How deep folders are searched.
const FOLDER_DEPTH_MAX: usize = 16;

/// The endings of the files that hold rules.
pub(super) const RULE_ENDINGS: [&str; 2] = [".btr", ".wasm"];

/// Reads rules to publish or to replay: `.btr` is compiled here, so that its mistakes show before anything is sent.
pub(super) fn read(
    paths: &[PathBuf],
    deny: DenyArgs,
    console: &Console,
) -> Result<Vec<PackUpload>, Failure> {
    let files = expand(paths, &RULE_ENDINGS)?;
    if files.len() > PACKS_PER_REQUEST_MAX {
        return Err(Failure::wrong(anyhow!(
            "{} rule files are more than the {PACKS_PER_REQUEST_MAX} of one request",
            files.len()
        )));
    }
    let mut packs = Vec::with_capacity(files.len());
    let mut failed = 0;
    for file in &files {
        match read_one(file, deny, console)? {
            Some(pack) => packs.push(pack),
            None => failed += 1,
        }
    }
    match failed {
        0 => Ok(packs),
        _ => Err(Failure::wrong(anyhow!(
            "{failed} of {} rule files cannot be used; nothing was sent",
            files.len()
        ))),
    }
}

/// As [`read`], of places in registries too; what a tag stands for at this moment is said and kept.
pub(super) fn read_or_pull(
    paths: &[PathBuf],
    deny: DenyArgs,
    registry: &RegistryArgs,
    console: &Console,
) -> Result<Vec<PackUpload>, Failure> {
    let (places, files): (Vec<_>, Vec<_>) = paths
        .iter()
        .cloned()
        .partition(|path| Place::is_meant(path));
    let mut packs = read(&files, deny, console)?;
    for place in places {
        let place = Place::parse(&place.to_string_lossy())?;
        let (shown, repository) = (place.to_string(), place.repository());
        let Pulled { component, pinned } = Registry::open(place, registry)?.pull(console)?;
        console.note(format_args!("{shown} is {pinned}"));
        packs.push(PackUpload {
            name: repository,
            component: Some(STANDARD.encode(component)),
            source: None,
            reference: Some(pinned),
        });
    }
    Ok(packs)
}

/// Reads one file; `None` where it does not compile, which has then been said.
fn read_one(file: &Path, deny: DenyArgs, console: &Console) -> Result<Option<PackUpload>, Failure> {
    let bytes = read_file(file)?;
    if is_component(file, &bytes) {
        return Ok(Some(component_of(file, &bytes)));
    }
    let Some(component) = super::source::compile(&name(file), &bytes, deny, console) else {
        return Ok(None);
    };
    Ok(Some(PackUpload {
        name: origin(file),
        component: Some(STANDARD.encode(component)),
        // The compiler has found it to be UTF-8.
        source: String::from_utf8(bytes).ok(),
        reference: None,
    }))
}

/// Reads one file, whose text whoever publishes it compiles.
pub(super) fn upload(file: &Path) -> Result<PackUpload, Failure> {
    let bytes = read_file(file)?;
    if is_component(file, &bytes) {
        return Ok(component_of(file, &bytes));
    }
    let text = String::from_utf8(bytes)
        .with_context(|| format!("`{}` is not text", file.display()))
        .map_err(Failure::wrong)?;
    Ok(PackUpload {
        name: origin(file),
        component: None,
        source: Some(text),
        reference: None,
    })
}

fn component_of(file: &Path, bytes: &[u8]) -> PackUpload {
    PackUpload {
        name: origin(file),
        component: Some(STANDARD.encode(bytes)),
        source: None,
        reference: None,
    }
}

/// A rule belongs to the file that published it last, wherever that lies on whose machine.
fn origin(file: &Path) -> String {
    match file.file_name() {
        Some(name) if !is_stdin(file) => name.to_string_lossy().into_owned(),
        Some(_) | None => name(file),
    }
}

/// A component says so in its first bytes, whatever the file is called.
pub(super) fn is_component(file: &Path, bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm") || file.extension().is_some_and(|ending| ending == "wasm")
}

/// Returns what a file is called in messages, and to the compiler.
pub(super) fn name(file: &Path) -> String {
    if is_stdin(file) {
        return "stdin.btr".to_owned();
    }
    file.display().to_string()
}

/// Whether a path stands for standard input.
pub(super) fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Reads a whole file, or standard input.
pub(super) fn read_file(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if is_stdin(file) {
        io::stdin()
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        fs::File::open(file).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("failed to read `{}`", file.display()))
        .map_err(Failure::wrong)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::wrong(anyhow!(
            "`{}` is larger than {} MiB",
            file.display(),
            FILE_BYTES_MAX >> 20
        )));
    }
    Ok(bytes)
}

/// Replaces folders by the files in and below them that have one of these endings, in order of name.
///
/// A file that is named must end so too, or have no ending at all (a pipe). A folder without such files is an
/// error: it is a mistake more often than not.
pub(super) fn expand(paths: &[PathBuf], endings: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !path.is_dir() {
            check_ending(path, endings)?;
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        search(path, endings, FOLDER_DEPTH_MAX, &mut files)
            .with_context(|| format!("failed to read the folder `{}`", path.display()))
            .map_err(Failure::wrong)?;
        if files.len() == before {
            return Err(Failure::wrong(anyhow!(
                "there are no {} files in `{}`",
                endings.join(" or "),
                path.display()
            )));
        }
    }
    Ok(files)
}

/// Refuses what is named by mistake: nearly any text is a rule, if only one that asks for a span of that name.
pub(super) fn check_ending(file: &Path, endings: &[&str]) -> Result<(), Failure> {
    let Some(extension) = file
        .extension()
        .map(|extension| extension.to_string_lossy())
    else {
        return Ok(());
    };
    if endings
        .iter()
        .any(|ending| ending.rsplit('.').next() == Some(&*extension))
    {
        return Ok(());
    }
    Err(Failure::wrong(anyhow!(
        "`{}` is not a {} file",
        file.display(),
        endings.join(" or ")
    )))
}

fn search(
    folder: &Path,
    endings: &[&str],
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                search(&path, endings, depth - 1, files)?;
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_rule_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("sub")).unwrap();
        for file in ["b.btr", "a.wasm", "sub/c.btr", "notes.md", ".hidden.btr"] {
            fs::write(root.join(file), "").unwrap();
        }
        let files = expand(&[root.to_owned()], &RULE_ENDINGS).unwrap();
        let expect = ["a.wasm", "b.btr", "sub/c.btr"].map(|file| root.join(file));
        assert_eq!(files, expect);
        assert!(expand(&[root.to_owned()], &[".test.toml"]).is_err());
    }
}
