//! How close the file store comes to what the disk allows. Prints, and asserts nothing of speed.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use easyauth::store::{FileStore, TokenStore, UserKey};

use super::files::FAR;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release --test stores -- --ignored --nocapture durable"]
async fn durable_creates_a_second() {
    // Kept until the end: where many files were deleted, ext4 makes new ones slowly for a while.
    let mut roots = Vec::new();
    println!("| writers | raw/s | store/s | store / raw |");
    for writers in [1, 16, 256] {
        let (mut raw, mut store) = (0.0, 0.0);
        for _ in 0..ROUNDS {
            for _ in 0..2 {
                roots.push(tempfile::tempdir().unwrap());
            }
            let [.., raw_root, store_root] = roots.as_slice() else { unreachable!() };
            raw += raw_writes(raw_root.path(), writers);
            store += store_creates(store_root.path(), writers).await;
        }
        let (raw, store, rounds) = (raw, store, f64::from(ROUNDS));
        println!(
            "| {writers} | {:.0} | {:.0} | {:.2} |",
            raw / rounds,
            store / rounds,
            store / raw
        );
    }
}

/// Threads that write a file aside, sync it, rename it and sync the directory, in 256 directories.
fn raw_writes(root: &Path, writers: u64) -> f64 {
    for shard in 0..=u8::MAX {
        fs::create_dir(root.join(format!("{shard:02x}"))).unwrap();
    }
    let (started, done) = (Instant::now(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let done = &done;
            scope.spawn(move || {
                for number in 0.. {
                    if started.elapsed() > SPAN {
                        return;
                    }
                    raw_write(root, writer, number);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    done.into_inner() as f64 / started.elapsed().as_secs_f64()
}

fn raw_write(root: &Path, writer: u64, number: u64) {
    let name = key(writer, number).to_string();
    let directory = root.join(&name[..2]);
    let (draft, record) = (directory.join(format!("{name}.tmp")), directory.join(&name));
    let mut file = File::create_new(&draft).unwrap();
    file.write_all(&[0x5a; VALUE.div_ceil(3) * 4]).unwrap();
    file.sync_all().unwrap();
    fs::rename(draft, record).unwrap();
    File::open(directory).unwrap().sync_all().unwrap();
}

async fn store_creates(root: &Path, writers: u64) -> f64 {
    let store = FileStore::open(root).await.unwrap();
    let started = Instant::now();
    let running: Vec<_> = (0..writers)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut number = 0;
                while started.elapsed() < SPAN {
                    let value = Bytes::from_static(&[0x5a; VALUE]);
                    store.create(&key(writer, number), FAR, value).await.unwrap();
                    number += 1;
                }
                number
            })
        })
        .collect();
    let mut done = 0;
    for task in running {
        done += task.await.unwrap();
    }
    done as f64 / started.elapsed().as_secs_f64()
}

/// Spread over the directories as keyed hashes are.
fn key(writer: u64, number: u64) -> UserKey {
    let mixed = (u128::from(writer) << 64 | u128::from(number) << 1 | 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    UserKey::new((mixed ^ mixed >> 61).to_be_bytes())
}

const VALUE: usize = 2048;
const SPAN: Duration = Duration::from_millis(1500);
const ROUNDS: u32 = 3;
