//! What can happen to the files of a [`FileStore`] behind its back.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use easyauth::clock::Timestamp;
use easyauth::store::{FileStore, StoreError, TokenStore, UserKey};
use tempfile::TempDir;

#[tokio::test]
async fn t_110_a_record_is_one_json_file_named_by_its_key() {
    let (root, store) = fresh().await;

    store.create(&KEY, FAR, bytes("sealed")).await.unwrap();

    let lock = root.path().join("ab/.lock");
    let file = root.path().join("ab/abababababababababababababababab.json");
    assert_eq!(files_below(&root.path().join("ab")), [lock, file]);
    let text = fs::read_to_string(record(root.path())).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["expires_at"], FAR.as_unix());
    assert_eq!(json["sealed"], "c2VhbGVk");
}

#[tokio::test]
async fn a_record_outlives_the_store_that_filed_it() {
    let (root, store) = fresh().await;
    let version = store.create(&KEY, FAR, bytes("sealed")).await.unwrap();
    drop(store);

    let reopened = FileStore::open(root.path()).await.unwrap();

    let found = reopened.load(&KEY).await.unwrap().unwrap();
    assert_eq!((found.sealed, found.version), (bytes("sealed"), version));
}

#[tokio::test]
async fn a_missing_directory_is_made_with_its_parents() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("data/.auth/tokens");

    FileStore::open(&root).await.unwrap().create(&KEY, FAR, bytes("sealed")).await.unwrap();

    assert!(record(&root).exists());
    assert_eq!(mode(&parent.path().join("data")), 0o700);
}

#[tokio::test]
async fn t_114_access_for_others_is_taken_away() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("ab")).unwrap();
    for directory in [root.path().to_owned(), root.path().join("ab")] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    }

    let store = FileStore::open(root.path()).await.unwrap();
    store.create(&KEY, FAR, bytes("sealed")).await.unwrap();

    assert_eq!(mode(root.path()), 0o700);
    assert_eq!(mode(&root.path().join("ab")), 0o700);
    assert_eq!(mode(&record(root.path())), 0o600);
    assert_eq!(mode(&root.path().join("ab/.lock")), 0o600);
}

#[tokio::test]
#[ignore = "needs root to give files away: tests/run"]
async fn t_114_what_belongs_to_another_user_is_refused() {
    let (root, store) = fresh().await;
    store.create(&KEY, FAR, bytes("sealed")).await.unwrap();

    chown(record(root.path()), Some(STRANGER), None).unwrap();
    expect_refused(&store, "a stranger's record").await;

    for directory in [root.path().join("ab"), root.path().to_owned()] {
        chown(&directory, Some(STRANGER), None).unwrap();
        let error = FileStore::open(root.path()).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "{}", directory.display());
        chown(&directory, Some(0), None).unwrap();
    }
}

#[tokio::test]
async fn t_111_nothing_but_a_plain_file_of_ours_is_a_record() {
    type Plant = fn(&Path, &Path);
    let plants: [(&str, Plant); 6] = [
        ("a symbolic link", |place, other| symlink(other, place).unwrap()),
        ("a dangling symbolic link", |place, _| symlink("/nowhere", place).unwrap()),
        ("a hard link", |place, other| fs::hard_link(other, place).unwrap()),
        ("a directory", |place, _| fs::create_dir(place).unwrap()),
        ("a pipe", |place, _| {
            assert!(Command::new("mkfifo").arg(place).status().unwrap().success());
        }),
        ("a socket", |place, _| drop(UnixListener::bind(place).unwrap())),
    ];
    for (what, plant) in plants {
        let (root, store) = fresh().await;
        store.create(&OTHER_KEY, FAR, bytes("other")).await.unwrap();
        let other = root.path().join("cd").join(format!("{OTHER_KEY}.json"));
        let before = fs::read(&other).unwrap();
        plant(&record(root.path()), &other);

        expect_refused(&store, what).await;

        assert!(fs::symlink_metadata(record(root.path())).is_ok(), "{what} is gone");
        assert_eq!(fs::read(&other).unwrap(), before, "{what} led to another file");
        store.sweep(FAR).await.unwrap();
        assert!(fs::symlink_metadata(record(root.path())).is_ok(), "{what} was swept");
    }
}

#[tokio::test]
async fn t_111_a_lock_that_leads_elsewhere_is_not_taken() {
    let (root, store) = fresh().await;
    let version = store.create(&KEY, FAR, bytes("first")).await.unwrap();
    let elsewhere = root.path().join("elsewhere");
    fs::remove_file(root.path().join("ab/.lock")).unwrap();
    symlink(&elsewhere, root.path().join("ab/.lock")).unwrap();

    let outcome = store.replace(&KEY, &version, FAR, bytes("second")).await;

    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(!elsewhere.exists());
    assert_eq!(store.load(&KEY).await.unwrap().unwrap().sealed, bytes("first"));
    assert_eq!(drafts(root.path()), 0);
}

#[tokio::test]
async fn t_111_a_shard_swapped_for_a_symbolic_link_is_not_entered() {
    let (root, store) = fresh().await;
    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_dir(root.path().join("ab")).unwrap();
    symlink(elsewhere.path(), root.path().join("ab")).unwrap();

    let loaded = store.load(&KEY).await;
    let created = store.create(&KEY, FAR, bytes("sealed")).await;

    assert!(matches!(loaded, Err(StoreError::Unavailable(_))), "{loaded:?}");
    assert!(matches!(created, Err(StoreError::Unavailable(_))), "{created:?}");
    assert_eq!(files_below(elsewhere.path()), [] as [PathBuf; 0]);
    FileStore::open(root.path()).await.unwrap_err();
}

#[tokio::test]
async fn t_111_a_directory_put_in_the_place_of_the_root_sees_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let (root, aside) = (parent.path().join("tokens"), parent.path().join("aside"));
    let store = FileStore::open(&root).await.unwrap();
    fs::rename(&root, &aside).unwrap();
    fs::create_dir(&root).unwrap();

    store.create(&KEY, FAR, bytes("sealed")).await.unwrap();

    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    assert!(record(&aside).exists());
}

#[tokio::test]
async fn t_117_a_damaged_file_is_set_aside_and_counts_as_absent() {
    let whole = br#"{"version":1,"revision":"0a","expires_at":4102444800,"sealed":"AP8="}"#;
    let damages: [(&str, &[u8], u64); 6] = [
        ("empty", b"", 0),
        ("garbage", b"\0\xff\xfe{]", 5),
        ("truncated", whole, 40),
        ("zeros at its end", whole, 4096),
        ("a gigabyte", whole, 1 << 30),
        ("a byte too long", b"", 1_398_360),
    ];
    for (what, content, length) in damages {
        let (root, store) = fresh().await;
        let file = File::create_new(record(root.path())).unwrap();
        (&file).write_all(content).unwrap();
        file.set_len(length).unwrap();

        assert!(store.load(&KEY).await.unwrap().is_none(), "{what}");

        assert!(!record(root.path()).exists(), "{what}");
        let aside = fs::metadata(record(root.path()).with_extension("corrupt")).unwrap();
        assert_eq!(aside.len(), length, "{what}");
        store.create(&KEY, FAR, bytes("anew")).await.unwrap();
        assert_eq!(store.load(&KEY).await.unwrap().unwrap().sealed, bytes("anew"), "{what}");
    }
}

#[tokio::test]
async fn t_117_writers_find_a_damaged_record_absent_too() {
    let (root, store) = fresh().await;
    let version = store.create(&KEY, FAR, bytes("first")).await.unwrap();

    fs::write(record(root.path()), "garbage").unwrap();
    let replaced = store.replace(&KEY, &version, FAR, bytes("second")).await;
    assert!(matches!(replaced, Err(StoreError::Conflict)), "{replaced:?}");

    fs::write(record(root.path()), "garbage").unwrap();
    store.delete(&KEY, &version).await.unwrap();

    fs::write(record(root.path()), "garbage").unwrap();
    store.create(&KEY, FAR, bytes("third")).await.unwrap();

    fs::write(record(root.path()), "garbage").unwrap();
    assert_eq!(store.sweep(AFTER_PAST).await.unwrap(), 0);
    assert!(!record(root.path()).exists());
    assert!(record(root.path()).with_extension("corrupt").exists());
}

#[tokio::test]
async fn a_record_of_a_later_version_is_left_to_it() {
    let (root, store) = fresh().await;
    let later = r#"{"version":2,"revision":"0a","expires_at":0,"sealed":""}"#;
    fs::write(record(root.path()), later).unwrap();

    expect_refused(&store, "a record of a later version").await;
    store.sweep(FAR).await.unwrap();

    assert_eq!(fs::read_to_string(record(root.path())).unwrap(), later);
}

#[tokio::test]
async fn t_116_a_sweep_removes_what_expired_and_what_killed_writers_left() {
    let (root, store) = fresh().await;
    store.create(&KEY, PAST, bytes("expired")).await.unwrap();
    store.create(&OTHER_KEY, FAR, bytes("lasting")).await.unwrap();
    let of_a_killed_writer = root.path().join("ab/0123.tmp");
    let draft = File::create_new(&of_a_killed_writer).unwrap();
    draft.set_modified(SystemTime::now() - Duration::from_secs(2 * 60 * 60)).unwrap();
    let of_a_busy_writer = root.path().join("ab/4567.tmp");
    File::create_new(&of_a_busy_writer).unwrap();
    let somebody_elses = root.path().join("ab/README");
    File::create_new(&somebody_elses).unwrap();

    assert_eq!(store.sweep(AFTER_PAST).await.unwrap(), 1);

    assert!(store.load(&KEY).await.unwrap().is_none());
    assert!(store.load(&OTHER_KEY).await.unwrap().is_some());
    assert!(!of_a_killed_writer.exists());
    assert!(of_a_busy_writer.exists());
    assert!(somebody_elses.exists());
    assert!(root.path().join("00").exists(), "directories come and go");
}

#[tokio::test]
async fn an_operator_may_empty_a_store_that_is_in_use() {
    let (root, store) = fresh().await;
    let version = store.create(&KEY, FAR, bytes("first")).await.unwrap();
    for entry in fs::read_dir(root.path()).unwrap() {
        fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }

    assert!(store.load(&KEY).await.unwrap().is_none());
    store.delete(&KEY, &version).await.unwrap();
    assert_eq!(store.sweep(FAR).await.unwrap(), 0);
    store.create(&KEY, FAR, bytes("second")).await.unwrap();

    assert_eq!(store.load(&KEY).await.unwrap().unwrap().sealed, bytes("second"));
    assert_eq!(mode(&root.path().join("ab")), 0o700);
}

#[tokio::test]
async fn a_refused_write_leaves_no_file_behind() {
    let (root, store) = fresh().await;
    store.create(&KEY, FAR, bytes("first")).await.unwrap();

    store.create(&KEY, FAR, bytes("second")).await.unwrap_err();

    assert_eq!(drafts(root.path()), 0);
}

#[tokio::test]
#[ignore = "waits ten seconds for a lock: tests/run"]
async fn a_process_that_never_gives_the_lock_back_does_not_hold_writers_up_for_ever() {
    let (root, store) = fresh().await;
    let version = store.create(&KEY, FAR, bytes("first")).await.unwrap();
    let held = File::open(root.path().join("ab/.lock")).unwrap();
    held.lock().unwrap();

    let outcome = store.replace(&KEY, &version, FAR, bytes("second")).await;

    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(store.load(&KEY).await.unwrap().unwrap().sealed, bytes("first"));
    held.unlock().unwrap();
    store.replace(&KEY, &version, FAR, bytes("second")).await.unwrap();
}

#[tokio::test]
#[ignore = "needs root to mount a small tmpfs: tests/run"]
async fn t_113_a_full_disk_costs_no_record() {
    let mount = SmallDisk::mount();
    let store = FileStore::open(mount.path().join("tokens")).await.unwrap();
    let version = store.create(&KEY, FAR, bytes("first")).await.unwrap();
    mount.fill();

    let big = Bytes::from(vec![0; 100_000]);
    let created = store.create(&OTHER_KEY, FAR, big.clone()).await;
    let replaced = store.replace(&KEY, &version, FAR, big.clone()).await;

    assert!(matches!(created, Err(StoreError::Unavailable(_))), "{created:?}");
    assert!(matches!(replaced, Err(StoreError::Unavailable(_))), "{replaced:?}");
    assert_eq!(drafts(&mount.path().join("tokens")), 0);
    assert_eq!(store.load(&KEY).await.unwrap().unwrap().sealed, bytes("first"));
    store.delete(&KEY, &version).await.unwrap();

    mount.empty();
    store.create(&KEY, FAR, big).await.unwrap();
}

#[tokio::test]
async fn debug_shows_the_path_and_nothing_else() {
    let (root, store) = fresh().await;

    let shown = format!("{store:?}");

    assert_eq!(shown, format!("FileStore {{ path: {:?}, .. }}", root.path()));
}

async fn fresh() -> (TempDir, FileStore) {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::open(root.path()).await.unwrap();
    (root, store)
}

async fn expect_refused(store: &FileStore, what: &str) {
    let loaded = store.load(&KEY).await;
    assert!(matches!(loaded, Err(StoreError::Corrupt(_))), "{what}: {loaded:?}");
    let created = store.create(&KEY, FAR, bytes("sealed")).await;
    assert!(matches!(created, Err(StoreError::Corrupt(_))), "{what}: {created:?}");
}

fn record(root: &Path) -> PathBuf {
    root.join("ab").join(format!("{KEY}.json"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// How many files of unfinished writes there are.
pub(crate) fn drafts(root: &Path) -> usize {
    let files = files_below(root);
    files.iter().filter(|file| file.extension().is_some_and(|suffix| suffix == "tmp")).count()
}

pub(crate) fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

pub(crate) fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A file system with room for a megabyte.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(place.path());
        assert!(mount.status().unwrap().success());
        Self(place)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn fill(&self) {
        let mut filler = File::create_new(self.path().join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

pub(crate) const KEY: UserKey = UserKey::new([0xab; 16]);
pub(crate) const OTHER_KEY: UserKey = UserKey::new([0xcd; 16]);
pub(crate) const FAR: Timestamp = Timestamp::from_unix(4_102_444_800);
const PAST: Timestamp = Timestamp::from_unix(1_000_000);
const AFTER_PAST: Timestamp = Timestamp::from_unix(1_000_001);
/// The user `daemon`, or at any rate not root.
const STRANGER: u32 = 1;
