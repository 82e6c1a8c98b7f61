//! The token stores: the suite for all of them, and what can happen to files.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests outside of test functions too, and children that report by printing"
)]

use std::sync::Arc;

use easyauth::store::conformance;
use easyauth::store::{FileStore, MemoryStore, TokenStore};

#[cfg(unix)]
#[path = "stores/figures.rs"]
mod figures;
#[cfg(unix)]
#[path = "stores/files.rs"]
mod files;
#[cfg(unix)]
#[path = "stores/processes.rs"]
mod processes;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms() {
    conformance::all(&MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_conform() {
    let directory = tempfile::tempdir().unwrap();

    conformance::all(&FileStore::open(directory.path()).await.unwrap()).await;
}

#[tokio::test]
async fn a_store_behind_a_pointer_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let files: Arc<dyn TokenStore> = Arc::new(FileStore::open(directory.path()).await.unwrap());
    let memory: Arc<dyn TokenStore> = Arc::new(MemoryStore::new());

    for store in [files, memory] {
        conformance::all(&store).await;
    }
}
