//! Everything is relative to an open directory and stops at symbolic links, so nothing that is put
//! in the place of one of our files or directories leads us elsewhere.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::NotOpened;

pub(crate) struct Directory(File);

impl Directory {
    /// Opens the directory at `path`, which is made if there is none, together with its parents.
    pub(crate) fn root(path: &Path) -> io::Result<Self> {
        make_durably(path)?;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlags::DIRECTORY.bits() as i32);
        Self::claim(options.open(path)?)
    }

    /// Opens the directory at `path` in the same way, but leaves its access rules as they are: what
    /// is in it may be others'.
    #[cfg(feature = "client")]
    pub(crate) fn shared(path: &Path) -> io::Result<Self> {
        make_durably(path)?;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlags::DIRECTORY.bits() as i32);
        options.open(path).map(Self)
    }

    /// The directory `name` in this one, if there is something of that name.
    pub(crate) fn child(&self, name: &str) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.0, name, flags, Mode::empty()) {
            Ok(descriptor) => Self::claim(File::from(descriptor)).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes the directory `name` in this one, unless something of that name is there.
    pub(crate) fn make_child(&self, name: &str) -> io::Result<()> {
        match mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The file `name` for reading, if there is one.
    ///
    /// # Errors
    ///
    /// [`NotOpened::Foreign`] if what has the name is no plain file of our own.
    pub(crate) fn open(&self, name: &str) -> Result<Option<File>, NotOpened> {
        // Non-blocking, or a pipe of that name would hold us up for ever.
        match self.open_with(name, OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(file) => match objection(&file.metadata()?) {
                Some(reason) => Err(NotOpened::Foreign(reason)),
                None => Ok(Some(file)),
            },
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::MLINK) => Err(NotOpened::Foreign("a symbolic link")),
            Err(Errno::NXIO) => Err(NotOpened::Foreign("not a plain file")),
            Err(errno) => Err(io::Error::from(errno).into()),
        }
    }

    /// A new file `name` for writing. It is an error if anything has that name.
    pub(crate) fn create_new(&self, name: &str) -> io::Result<File> {
        Ok(self.open_with(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?)
    }

    /// The file `name`, made if there is none, to be locked.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        let file = self.open_with(name, OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK)?;
        match objection(&file.metadata()?) {
            Some(reason) => Err(io::Error::new(io::ErrorKind::PermissionDenied, reason)),
            None => Ok(file),
        }
    }

    /// Whether `name` still names `file`.
    pub(crate) fn names_still(&self, name: &str, file: &File) -> io::Result<bool> {
        let held = rustix::fs::fstat(file)?;
        match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Gives the file `from` the name `to`, in the place of what had it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// The names of what is in here. Those that are not UTF-8 are none of ours.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Waits until the names in this directory are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match self.0.sync_all() {
            // Some network file systems sync no directories; their servers keep names by themselves.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            outcome => outcome,
        }
    }

    fn claim(directory: File) -> io::Result<Self> {
        let metadata = directory.metadata()?;
        if metadata.uid() != geteuid().as_raw() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the directory, or one in it, belongs to another user",
            ));
        }
        if metadata.mode() & ACCESS_FOR_OTHERS != 0 {
            directory.set_permissions(Permissions::from_mode(OURS_ALONE))?;
        }
        Ok(Self(directory))
    }

    fn open_with(&self, name: &str, flags: OFlags) -> Result<File, Errno> {
        let always = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
        openat(&self.0, name, flags | always, Mode::RUSR | Mode::WUSR).map(File::from)
    }
}

/// What speaks against taking a file for one that we wrote.
fn objection(metadata: &Metadata) -> Option<&'static str> {
    if !metadata.is_file() {
        return Some("not a plain file");
    }
    if metadata.uid() != geteuid().as_raw() {
        return Some("the file belongs to another user");
    }
    // None at all is right for a record that was replaced since it was opened.
    (metadata.nlink() > 1).then_some("the file has a second name, a hard link")
}

/// Makes the directory and its missing parents, and waits until their names are on the disk.
fn make_durably(path: &Path) -> io::Result<()> {
    let missing: Vec<PathBuf> =
        path.ancestors().take_while(|step| !step.exists()).map(Path::to_path_buf).collect();
    DirBuilder::new().recursive(true).mode(OURS_ALONE).create(path)?;
    for parent in missing.iter().filter_map(|made| made.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

const OURS_ALONE: u32 = 0o700;
const ACCESS_FOR_OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn t_111_a_new_file_takes_the_place_of_nothing() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::root(place.path()).unwrap();
        fs::write(place.path().join("file"), "before").unwrap();
        fs::create_dir(place.path().join("directory")).unwrap();
        symlink(place.path().join("file"), place.path().join("link")).unwrap();
        symlink(place.path().join("nowhere"), place.path().join("dangling")).unwrap();

        for name in ["file", "directory", "link", "dangling"] {
            let error = directory.create_new(name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
        }
        assert_eq!(fs::read_to_string(place.path().join("file")).unwrap(), "before");
        assert!(!place.path().join("nowhere").exists());
    }

    #[test]
    fn a_name_that_was_given_to_another_file_is_noticed() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::root(place.path()).unwrap();
        let lock = directory.open_lock("lock").unwrap();
        assert!(directory.names_still("lock", &lock).unwrap());

        directory.remove("lock").unwrap();
        assert!(!directory.names_still("lock", &lock).unwrap());
        directory.open_lock("lock").unwrap();
        assert!(!directory.names_still("lock", &lock).unwrap());
    }
}
