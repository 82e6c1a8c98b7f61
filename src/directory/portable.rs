//! By path, with what std offers on every system: access rules are inherited from the directory,
//! and names are as durable as the system makes them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::NotOpened;

pub(crate) struct Directory(PathBuf);

impl Directory {
    /// Opens the directory at `path`, which is made if there is none, together with its parents.
    pub(crate) fn root(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(fs::canonicalize(path)?))
    }

    /// The same for a directory in which others may have files as well.
    #[cfg(feature = "client")]
    pub(crate) fn shared(path: &Path) -> io::Result<Self> {
        Self::root(path)
    }

    /// The directory `name` in this one, if there is something of that name.
    pub(crate) fn child(&self, name: &str) -> io::Result<Option<Self>> {
        let path = self.0.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(Self(path))),
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the directory `name` in this one, unless something of that name is there.
    pub(crate) fn make_child(&self, name: &str) -> io::Result<()> {
        match fs::create_dir(self.0.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        }
    }

    /// The file `name` for reading, if there is one.
    ///
    /// # Errors
    ///
    /// [`NotOpened::Foreign`] if what has the name is no plain file.
    pub(crate) fn open(&self, name: &str) -> Result<Option<File>, NotOpened> {
        let path = self.0.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if !metadata.is_file() => {
                return Err(NotOpened::Foreign("not a plain file"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            outcome => Ok(Some(outcome?)),
        }
    }

    /// A new file `name` for writing. It is an error if anything has that name.
    pub(crate) fn create_new(&self, name: &str) -> io::Result<File> {
        File::create_new(self.0.join(name))
    }

    /// The file `name`, made if there is none, to be locked.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        let path = self.0.join(name);
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    }

    /// Whether `name` still names `file`.
    pub(crate) fn names_still(&self, name: &str, _file: &File) -> io::Result<bool> {
        Ok(self.0.join(name).exists())
    }

    /// Gives the file `from` the name `to`, in the place of what had it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    /// The names of what is in here. Those that are not Unicode are none of ours.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Std can sync no directory here.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
