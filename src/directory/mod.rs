//! A directory of ours, and the few things done in it. The names are our own: one path component,
//! never from outside.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

use std::fs::{File, TryLockError};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[cfg(not(unix))]
pub(crate) use self::portable::Directory;
#[cfg(unix)]
pub(crate) use self::unix::Directory;

/// Why a file is not opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// What has the name is no plain file of our own.
    Foreign(&'static str),
    Io(io::Error),
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Directory {
    /// Takes the lock file `name`, made if there is none, waiting ten seconds at most.
    pub(crate) fn lock(&self, name: &str) -> io::Result<Lock> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match self.try_lock(name)? {
                Some(lock) => return Ok(lock),
                // Waiting in the kernel would have no end if the holder is stopped.
                None if Instant::now() < deadline => sleep(LOCK_PAUSE),
                None => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another process holds the lock of the directory",
                    ));
                }
            }
        }
    }

    /// Takes the lock file `name`, made if there is none, unless somebody holds it.
    pub(crate) fn try_lock(&self, name: &str) -> io::Result<Option<Lock>> {
        loop {
            let file = self.open_lock(name)?;
            match file.try_lock() {
                // A lock on a file that was deleted meanwhile keeps nobody out.
                Ok(()) if self.names_still(name, &file)? => return Ok(Some(Lock(file))),
                Ok(()) => {}
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => return Ok(None),
            }
        }
    }
}

/// A lock among all processes.
///
/// Given back by name, not only by closing the file: a process that is being started just now may
/// hold a copy of the descriptor for a moment.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // It fails only if the lock is gone already.
        let _ = self.0.unlock();
    }
}

const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(1);
