//! The file by which the commands of this machine find a running demo: its address and a key.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The content of the file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoAccess {
    pub url: String,
    pub key: String,
}

/// The file of a running demo. The drop removes the file, unless another demo has written it since.
pub struct DemoFile {
    path: PathBuf,
    written: DemoAccess,
}

impl DemoFile {
    /// Writes the file, which only its owner may read. A file that an earlier demo left is replaced.
    pub fn write(access: DemoAccess) -> io::Result<Self> {
        let path = path().ok_or_else(|| io::Error::other("neither XDG_CONFIG_HOME nor HOME is set"))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // A temporary file has mode 0600. It is renamed whole, so nobody reads half of it.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(serde_json::to_string(&access)?.as_bytes())?;
        file.persist(&path).map_err(|failed| failed.error)?;
        Ok(Self { path, written: access })
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DemoFile {
    fn drop(&mut self) {
        if read(&self.path).as_ref() == Some(&self.written) {
            // Without the file's removal, `bailout ask` says that the demo cannot be reached.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns the address and the key of the demo that runs on this machine, if its file is there.
pub fn running() -> Option<DemoAccess> {
    read(&path()?)
}

fn read(path: &Path) -> Option<DemoAccess> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Returns the path, in the user's folder for settings.
fn path() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").filter(|it| it.is_absolute()).or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("bailout").join("demo.json"))
}
