//! Several processes on one directory, and what becomes of it when they are killed or starved.
//!
//! The processes are this test binary, started anew to play a [`Role`].

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use easyauth::store::{FileStore, StoreError, TokenStore, UserKey, Version};

use super::files::{FAR, KEY, OTHER_KEY, bytes, drafts, files_below};

#[tokio::test]
async fn t_115_processes_that_count_together_lose_no_count() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::open(root.path()).await.unwrap();
    store.create(&KEY, FAR, bytes("0")).await.unwrap();

    let children: Vec<_> = (0..PROCESSES)
        .map(|_| child("count", root.path(), "").stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }

    let counted = store.load(&KEY).await.unwrap().unwrap().sealed;
    assert_eq!(counted, (PROCESSES * TASKS * COUNTS).to_string());
    assert_eq!(drafts(root.path()), 0);
}

async fn count(store: FileStore) {
    at_once(|_| {
        let store = store.clone();
        async move {
            for _ in 0..COUNTS {
                while !count_one_more(&store).await {}
            }
        }
    })
    .await;
}

async fn count_one_more(store: &FileStore) -> bool {
    let found = store.load(&KEY).await.unwrap().unwrap();
    let count: usize = str::from_utf8(&found.sealed).unwrap().parse().unwrap();
    let next = Bytes::from((count + 1).to_string());
    match store.replace(&KEY, &found.version, FAR, next).await {
        Ok(_) => true,
        Err(StoreError::Conflict) => false,
        Err(error) => panic!("{error:?}"),
    }
}

/// `EASYAUTH_KILL_CYCLES` sets how often (default 20).
#[tokio::test]
async fn t_112_a_killed_writer_leaves_all_that_it_acknowledged() {
    let cycles = env::var("EASYAUTH_KILL_CYCLES").map_or(20, |cycles| cycles.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::open(root.path()).await.unwrap();
    let mut acknowledged = HashMap::new();
    for cycle in 0..cycles {
        let patience = usize::from(cycle) * 7 % 41;
        acknowledged.extend(killed_after(root.path(), cycle, patience));
    }

    assert!(acknowledged.len() > usize::from(cycles), "hardly anything was written");
    for ((cycle, task), step) in acknowledged {
        let found = store.load(&key_of(cycle, task)).await.unwrap().map(|found| found.sealed);
        // The write after it may have been done, though nobody heard of it.
        assert!(
            found == state(step) || found == state(step + 1),
            "cycle {cycle}, task {task}: step {step} was acknowledged, found {found:?}"
        );
    }
    assert!(drafts(root.path()) <= usize::from(cycles) * TASKS);
    assert!(
        !files_below(root.path()).iter().any(|file| file.extension() == Some("corrupt".as_ref()))
    );
}

/// Starts a writer, kills it after it has acknowledged `patience` writes, and says what the last
/// was that it acknowledged for each of its records.
fn killed_after(root: &Path, cycle: u16, patience: usize) -> HashMap<(u16, u16), usize> {
    let mut writer = child("write", root, "")
        .env("EASYAUTH_CYCLE", cycle.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut steps = HashMap::new();
    for (count, line) in BufReader::new(writer.stdout.take().unwrap()).lines().enumerate() {
        // What it had said before it died still comes.
        if count == patience {
            writer.kill().unwrap();
        }
        if let Some((task, step)) = line.unwrap().strip_prefix("done ").and_then(two_numbers) {
            steps.insert((cycle, u16::try_from(task).unwrap()), step);
        }
    }
    assert!(!writer.wait().unwrap().success(), "it ended before it was killed");
    steps
}

fn two_numbers(text: &str) -> Option<(usize, usize)> {
    let (first, second) = text.strip_suffix('.')?.split_once(' ')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

async fn write(store: FileStore) {
    let cycle: u16 = env::var("EASYAUTH_CYCLE").unwrap().parse().unwrap();
    at_once(|task| {
        let store = store.clone();
        async move {
            let key = key_of(cycle, task);
            let mut version = None;
            for step in 1.. {
                version = advance(&store, &key, version, step).await.unwrap();
                println!("done {task} {step}.");
            }
        }
    })
    .await;
}

/// Brings a record from the state of the step before to that of `step`.
async fn advance(
    store: &FileStore,
    key: &UserKey,
    version: Option<Version>,
    step: usize,
) -> Result<Option<Version>, StoreError> {
    match (version, state(step)) {
        (None, Some(sealed)) => store.create(key, FAR, sealed).await.map(Some),
        (Some(seen), Some(sealed)) => store.replace(key, &seen, FAR, sealed).await.map(Some),
        (Some(seen), None) => store.delete(key, &seen).await.map(|()| None),
        (None, None) => Ok(None),
    }
}

/// What a record is after so many steps: filed, replaced, deleted, filed …
fn state(step: usize) -> Option<Bytes> {
    (!step.is_multiple_of(3)).then(|| Bytes::from(format!("{step},").repeat(1000)))
}

fn key_of(cycle: u16, task: u16) -> UserKey {
    let mut key = [0; 16];
    key[..2].copy_from_slice(&cycle.to_be_bytes());
    key[2..4].copy_from_slice(&task.to_be_bytes());
    UserKey::new(key)
}

#[tokio::test]
async fn t_113_a_write_that_stops_half_way_costs_no_record() {
    let root = tempfile::tempdir().unwrap();

    // No file may grow beyond 8 blocks: the write of a longer one fails in its middle.
    play("outgrow", root.path(), "trap '' XFSZ; ulimit -f 8;");

    assert_eq!(drafts(root.path()), 0);
}

async fn outgrow(store: FileStore) {
    let version = store.create(&KEY, FAR, bytes("first")).await.unwrap();
    let big = Bytes::from(vec![0; 100_000]);

    let created = store.create(&OTHER_KEY, FAR, big.clone()).await;
    let replaced = store.replace(&KEY, &version, FAR, big).await;

    assert!(matches!(created, Err(StoreError::Unavailable(_))), "{created:?}");
    assert!(matches!(replaced, Err(StoreError::Unavailable(_))), "{replaced:?}");
    assert!(store.load(&OTHER_KEY).await.unwrap().is_none());
    assert_eq!(store.load(&KEY).await.unwrap().unwrap().sealed, bytes("first"));
    store.replace(&KEY, &version, FAR, bytes("second")).await.unwrap();
}

#[tokio::test]
async fn t_113_a_process_out_of_file_descriptors_costs_no_record() {
    let root = tempfile::tempdir().unwrap();

    play("starve", root.path(), "ulimit -n 64;");

    assert_eq!(drafts(root.path()), 0);
}

async fn starve(store: FileStore) {
    let version = store.create(&KEY, FAR, bytes("first")).await.unwrap();
    let mut hoard: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();

    // With each descriptor more the write gets a step further: without any the directory cannot be
    // opened, with one the new file, with two the record that is to be compared.
    for spare in 0..3 {
        let replaced = store.replace(&KEY, &version, FAR, bytes("second")).await;
        assert!(matches!(replaced, Err(StoreError::Unavailable(_))), "{spare}: {replaced:?}");
        assert!(hoard.pop().is_some());
    }
    drop(hoard);

    assert_eq!(store.load(&KEY).await.unwrap().unwrap().sealed, bytes("first"));
    store.replace(&KEY, &version, FAR, bytes("second")).await.unwrap();
}

#[tokio::test]
async fn t_114_a_careless_umask_opens_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("tokens");

    play("file", &root, "umask 000;");

    let shard = root.join("ab");
    let files = files_below(&shard);
    assert_eq!(files.len(), 2, "a record and a lock: {files:?}");
    for path in files.iter().chain([&root, &shard]) {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}

async fn file(store: FileStore) {
    store.create(&KEY, FAR, bytes("first")).await.unwrap();
}

/// Not a test of its own: the process that the others start.
#[test]
#[ignore = "a part of other tests, which start it as a process of its own"]
fn child_process() {
    let (Ok(role), Ok(root)) = (env::var(ROLE), env::var(ROOT)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = FileStore::open(root).await.unwrap();
        match role.as_str() {
            "count" => count(store).await,
            "write" => write(store).await,
            "outgrow" => outgrow(store).await,
            "starve" => starve(store).await,
            "file" => file(store).await,
            other => panic!("no role is called {other}"),
        }
    });
}

fn play(role: &str, root: &Path, setting: &str) {
    let output = child(role, root, setting).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// This binary again, in a shell's `setting`.
fn child(role: &str, root: &Path, setting: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{setting} exec \"$0\" \"$@\""))
        .arg(env::current_exe().unwrap())
        .args(["processes::child_process", "--exact", "--ignored", "--nocapture"])
        .env(ROLE, role)
        .env(ROOT, root);
    command
}

/// Runs `TASKS` tasks at once, to their end.
async fn at_once<F: Future<Output = ()> + Send + 'static>(task: impl Fn(u16) -> F) {
    let running: Vec<_> = (0..TASKS as u16).map(|number| tokio::spawn(task(number))).collect();
    for task in running {
        task.await.unwrap();
    }
}

const ROLE: &str = "EASYAUTH_ROLE";
const ROOT: &str = "EASYAUTH_ROOT";
const PROCESSES: usize = 4;
const TASKS: usize = 3;
const COUNTS: usize = 10;
