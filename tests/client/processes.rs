//! Several programs on one user file. They are this test binary, started anew.

use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use easyauth::client::{EasyAuthClient, FileUserStore, UserStore as _};
use futures_util::future::join_all;
use http::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tower::{Layer as _, ServiceExt as _};

use crate::fake::{AnyBody, Fake, Refresh, full};
use crate::wire::serve;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_on_one_file_refresh_once() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("user.json");
    let fake = stale(&path).await;
    fake.tell(|state| state.refresh_waits_for = PROGRAMS * REQUESTS);

    let mut programs = join_all((0..PROGRAMS).map(|_| program(&fake, &path))).await;
    for program in &mut programs {
        program.start().await;
    }
    for program in &mut programs {
        assert!(program.child.wait().await.unwrap().success());
    }

    assert_eq!(fake.refreshes(), 1);
    assert_eq!(fake.served().len(), PROGRAMS * REQUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_killed_at_its_turn_holds_nobody_up() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("user.json");
    let fake = stale(&path).await;
    fake.tell(|state| state.refresh = Refresh::Hangs);
    let mut killed = program(&fake, &path).await;
    killed.start().await;
    while fake.tell(|state| state.hanging) == 0 {
        tokio::task::yield_now().await;
    }
    fake.tell(|state| state.refresh = Refresh::Rotates);
    let mut next = program(&fake, &path).await;
    next.start().await;
    while fake.refused() < 2 * REQUESTS {
        tokio::task::yield_now().await;
    }
    assert_eq!(fake.refreshes(), 1);

    killed.child.kill().await.unwrap();

    assert!(next.child.wait().await.unwrap().success());
    assert_eq!(fake.refreshes(), 2);
}

/// An application whose user, in the file at `path`, has a token that has expired.
async fn stale(path: &Path) -> Fake {
    let fake = serve().await;
    let store = FileUserStore::open(path).unwrap();
    assert!(store.replace(None, Some(&fake.user())).await.unwrap());
    fake.expire();
    fake
}

/// A program that has read the file, and waits to be started.
struct Program {
    child: Child,
    // Open as long as it may want to say something.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    async fn start(&mut self) {
        let mut input = self.child.stdin.take().unwrap();
        input.write_all(b"go\n").await.unwrap();
    }
}

async fn program(fake: &Fake, path: &Path) -> Program {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["processes::program_process", "--exact", "--ignored", "--nocapture"])
        .env(ORIGIN, fake.tell(|state| state.origin.clone()))
        .env(PATH, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    while output.next_line().await.unwrap().expect("it ended").as_str() != READY {}
    Program { child, _output: output }
}

/// Not a test of its own: the program that the others start.
#[tokio::test]
#[ignore = "a part of other tests, which start it as a process of its own"]
async fn program_process() {
    let (Ok(origin), Ok(path)) = (env::var(ORIGIN), env::var(PATH)) else { return };
    let client = EasyAuthClient::builder(&origin)
        .user_store(FileUserStore::open(path).unwrap())
        .build()
        .unwrap();
    assert!(client.user().await.is_some());
    writeln!(std::io::stdout(), "\n{READY}").unwrap();
    let started = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    started.await.unwrap().unwrap();
    let service = client.layer().layer(Client::builder(TokioExecutor::new()).build_http());
    let requests = (0..REQUESTS).map(|number| {
        let request: Request<AnyBody> =
            Request::get(format!("{origin}/{number}")).body(full("")).unwrap();
        service.clone().oneshot(request)
    });
    for response in join_all(requests).await {
        assert_eq!(response.unwrap().status(), 200);
    }
}

const READY: &str = "has read the file";
const ORIGIN: &str = "EASYAUTH_TEST_ORIGIN";
const PATH: &str = "EASYAUTH_TEST_USER_FILE";
const PROGRAMS: usize = 4;
const REQUESTS: usize = 25;
