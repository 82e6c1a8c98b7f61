//! One of the directories of records, and what is done in it. Everything here waits for the disk.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, SystemTime};

use tracing::warn;

use super::envelope::{Envelope, MAX_FILE, Unreadable};
use super::name::{RecordName, ShardName};
use crate::clock::Timestamp;
use crate::directory::{Directory, Lock};
use crate::store::{StoreError, Version};

/// Makes the shards that are missing, and proves that files can be locked here.
///
/// All of them at once, so that a later write need not make its directory's own name durable.
pub(super) fn prepare_all(root: &Directory) -> io::Result<()> {
    for name in ShardName::all() {
        root.make_child(&name.to_string())?;
        let Some(directory) = root.child(&name.to_string())? else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let shard = Shard { directory, name };
        if ShardName::all().next() == Some(name) {
            drop(shard.lock()?);
        }
    }
    root.sync()
}

pub(super) struct Shard {
    directory: Directory,
    name: ShardName,
}

impl Shard {
    pub(super) fn find(root: &Directory, name: ShardName) -> Result<Option<Self>, StoreError> {
        let directory = root.child(&name.to_string())?;
        Ok(directory.map(|directory| Self { directory, name }))
    }

    pub(super) fn make(root: &Directory, name: ShardName) -> Result<Self, StoreError> {
        if let Some(shard) = Self::find(root, name)? {
            return Ok(shard);
        }
        // Somebody emptied the store under us. That is their right.
        root.make_child(&name.to_string())?;
        root.sync()?;
        Self::find(root, name)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    /// The record, read without a lock: it is renamed into place whole.
    pub(super) fn load(&self, name: &RecordName) -> Result<Option<Envelope>, StoreError> {
        match self.read(name)? {
            Content::Absent => Ok(None),
            Content::Record(envelope) => Ok(Some(envelope)),
            Content::Damaged(_) => {
                let _lock = self.lock()?;
                self.settle(name)
            }
        }
    }

    /// Puts `envelope` in the place of what has the version `seen`, or of nothing.
    pub(super) fn put(
        &self,
        name: &RecordName,
        seen: Option<&Version>,
        envelope: &Envelope,
    ) -> Result<Version, StoreError> {
        let draft = Draft::write(&self.directory, envelope)?;
        {
            let _lock = self.lock()?;
            let found = self.settle(name)?.map(|held| held.version());
            if found.as_ref() != seen {
                return Err(StoreError::Conflict);
            }
            draft.publish(name.file())?;
        }
        // Not under the lock: whoever builds on the new record syncs this directory too.
        self.directory.sync()?;
        Ok(envelope.version())
    }

    pub(super) fn delete(&self, name: &RecordName, seen: &Version) -> Result<(), StoreError> {
        {
            let _lock = self.lock()?;
            match self.settle(name)? {
                Some(held) if held.version() != *seen => return Err(StoreError::Conflict),
                Some(_) => self.directory.remove(name.file())?,
                None => {}
            }
        }
        // Also if it was gone: whoever removed it may not have come this far.
        Ok(self.directory.sync()?)
    }

    /// Removes expired records and what killed writers left behind, and says how many of the former.
    pub(super) fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        for file in self.directory.names()? {
            let outcome = match RecordName::parse(self.name, &file) {
                Some(name) => self.sweep_record(&name, now),
                None if file.ends_with(DRAFT_SUFFIX) => self.sweep_draft(&file).map(|()| false),
                None => Ok(false),
            };
            match outcome {
                Ok(gone) => removed += u64::from(gone),
                Err(error) => warn!(file, shard = %self.name, %error, "a token file was not swept"),
            }
        }
        Ok(removed)
    }

    fn sweep_record(&self, name: &RecordName, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.may_go(name, now)? && self.remove_expired(name, now)?)
    }

    /// A look without a lock, so that a sweep holds nobody up over what stays.
    fn may_go(&self, name: &RecordName, now: Timestamp) -> Result<bool, StoreError> {
        Ok(match self.read(name)? {
            Content::Absent => false,
            Content::Record(envelope) => envelope.expires_at < now,
            Content::Damaged(_) => true,
        })
    }

    fn remove_expired(&self, name: &RecordName, now: Timestamp) -> Result<bool, StoreError> {
        let _lock = self.lock()?;
        // Looked at again: it may have been renewed between the look and the lock.
        let expired = self.settle(name)?.is_some_and(|envelope| envelope.expires_at < now);
        if expired {
            self.directory.remove(name.file())?;
        }
        Ok(expired)
    }

    fn sweep_draft(&self, file: &str) -> Result<(), StoreError> {
        let Some(draft) = self.directory.open(file)? else { return Ok(()) };
        // The system's own clock on both sides, since it made the file's time.
        let age = SystemTime::now().duration_since(draft.metadata()?.modified()?);
        if age.is_ok_and(|age| age > DRAFT_LIFETIME) {
            self.directory.remove(file)?;
        }
        Ok(())
    }

    /// The record as it stands, for who holds the lock. A damaged one is set aside first.
    fn settle(&self, name: &RecordName) -> Result<Option<Envelope>, StoreError> {
        match self.read(name)? {
            Content::Absent => Ok(None),
            Content::Record(envelope) => Ok(Some(envelope)),
            Content::Damaged(reason) => {
                self.directory.rename(name.file(), &name.set_aside())?;
                warn!(
                    file = name.file(),
                    set_aside = name.set_aside(),
                    reason,
                    "a damaged token file was set aside; its user has to sign in again"
                );
                Ok(None)
            }
        }
    }

    fn read(&self, name: &RecordName) -> Result<Content, StoreError> {
        let opened =
            self.directory.open(name.file()).map_err(StoreError::from).inspect_err(|error| {
                if let StoreError::Corrupt(reason) = error {
                    warn!(file = name.file(), reason, "refused something in a token file's place");
                }
            })?;
        let Some(file) = opened else { return Ok(Content::Absent) };
        let length = file.metadata()?.len();
        if length > MAX_FILE {
            return Ok(Content::Damaged("too long"));
        }
        let mut json = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(MAX_FILE).read_to_end(&mut json)?;
        match Envelope::parse(&json) {
            Ok(envelope) => Ok(Content::Record(envelope)),
            Err(Unreadable::Damaged(reason)) => Ok(Content::Damaged(reason)),
            Err(Unreadable::Newer) => Err(StoreError::Corrupt("written by a later version")),
        }
    }

    fn lock(&self) -> io::Result<Lock> {
        self.directory.lock(LOCK)
    }
}

enum Content {
    Absent,
    Record(Envelope),
    Damaged(&'static str),
}

/// A record on the disk that has no name of its own yet. Removed unless it is published.
struct Draft<'a> {
    directory: &'a Directory,
    file: String,
    published: bool,
}

impl<'a> Draft<'a> {
    fn write(directory: &'a Directory, envelope: &Envelope) -> Result<Self, StoreError> {
        let json = envelope.to_json()?;
        let file = format!("{}{DRAFT_SUFFIX}", envelope.revision);
        let mut handle = directory.create_new(&file)?;
        let draft = Self { directory, file, published: false };
        handle.write_all(&json)?;
        handle.sync_all()?;
        Ok(draft)
    }

    fn publish(mut self, name: &str) -> io::Result<()> {
        self.directory.rename(&self.file, name)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.published {
            // If that fails too, the sweep will see to it.
            let _ = self.directory.remove(&self.file);
        }
    }
}

const LOCK: &str = ".lock";
const DRAFT_SUFFIX: &str = ".tmp";
/// No write takes this long; what is older was left by a process that died.
const DRAFT_LIFETIME: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::UserKey;

    #[test]
    fn t_116_a_record_renewed_between_look_and_lock_is_not_swept() {
        let place = tempfile::tempdir().unwrap();
        let root = Directory::root(place.path()).unwrap();
        let name = RecordName::of(UserKey::new([1; 16]));
        let shard = Shard::make(&root, name.shard()).unwrap();
        let until = |seconds| Envelope::seal(Timestamp::from_unix(seconds), "x".into()).unwrap();
        let now = Timestamp::from_unix(100);

        let old = shard.put(&name, None, &until(99)).unwrap();
        assert!(shard.may_go(&name, now).unwrap());
        shard.put(&name, Some(&old), &until(200)).unwrap();

        assert!(!shard.remove_expired(&name, now).unwrap());
        assert!(shard.load(&name).unwrap().is_some());
    }
}
