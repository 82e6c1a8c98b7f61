//! Several processes on one directory of token files, and a provider that spends refresh tokens.
//!
//! The processes are this test binary, started anew: each is told the time and a session cookie,
//! refreshes with it for many callers at once, and tells what became of that.

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use easyauth::clock::{Clock, Timestamp};
use easyauth::store::FileStore;
use easyauth::{Config, ConfigBuilder};
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::HOUR;
use super::support::*;

/// `EASYAUTH_EXPIRIES` sets how often (default 30).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t_91_t_94_two_processes_with_64_callers_each_make_one_call_for_each_expiry() {
    let expiries = env::var("EASYAUTH_EXPIRIES").map_or(30, |expiries| expiries.parse().unwrap());
    let mut stage = Stage::new().await;
    let mut processes = [stage.process(64), stage.process(64)];
    for expiry in 0..expiries {
        stage.clock.advance(HOUR);
        for process in &mut processes {
            process.tell(&stage);
        }
        let told = processes.each_mut().map(|process| process.hear());

        assert_eq!(stage.network.take_calls(), 1, "expiry {expiry}");
        assert!(told.iter().all(|told| told.statuses == "200"), "expiry {expiry}: {told:?}");
        assert_eq!(told[0].access_token, told[1].access_token, "expiry {expiry}");
        stage.cookie.clone_from(&told[0].cookie);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t_93_a_process_killed_before_the_provider_heard_it_costs_nothing() {
    let mut stage = Stage::new().await;
    let (mut leader, mut other) = (stage.process(64), stage.process(64));
    stage.network.trip(Trip::BeforeAnswering);
    leader.tell(&stage);
    stage.network.tripped().await;
    leader.kill();

    other.tell(&stage);
    let told = other.hear();

    assert_eq!(told.statuses, "200");
    assert_eq!(stage.network.take_calls(), 2, "the one that was cut off, and one more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t_93_a_process_killed_with_the_answer_costs_one_more_call_and_never_a_loop() {
    let mut stage = Stage::new().await;
    let (mut leader, mut other) = (stage.process(64), stage.process(64));
    stage.network.trip(Trip::AfterAnswering);
    leader.tell(&stage);
    stage.network.tripped().await;
    leader.kill();

    other.tell(&stage);
    let told = other.hear();

    assert_eq!(told.statuses, "403", "a new sign-in is needed, and that is said");
    assert_eq!(stage.network.take_calls(), 2);
    assert_eq!(told.user, "Alice", "the session goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t_93_a_process_killed_after_it_stored_costs_no_call() {
    let stage = Stage::new().await;
    let (mut leader, mut other) = (stage.process(64), stage.process(64));
    leader.tell(&stage);
    let first = leader.hear();
    leader.kill();

    other.tell(&stage);
    let second = other.hear();

    assert_eq!((first.statuses, second.statuses), ("200".to_owned(), "200".to_owned()));
    assert_eq!(first.access_token, second.access_token);
    assert_eq!(stage.network.take_calls(), 1);
}

/// The directory, the provider, and a session that Alice has.
struct Stage {
    clock: ManualClock,
    provider: FakeProvider,
    network: Network,
    root: TempDir,
    cookie: String,
}

impl Stage {
    async fn new() -> Self {
        let clock = ManualClock::new();
        let (provider, network) = serve(&clock).await;
        let root = tempfile::tempdir().unwrap();
        let store = FileStore::open(root.path()).await.unwrap();
        let app = App::new(config_of(&provider, store, &clock).build().unwrap(), &clock);
        let mut browser = Browser::new(&app);
        browser.sign_in(&provider, "alice").await;
        network.take_calls();
        let cookie = browser.cookie(COOKIE).unwrap().to_owned();
        Self { clock, provider, network, root, cookie }
    }

    fn process(&self, callers: usize) -> Process {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["processes::child_process", "--exact", "--ignored", "--nocapture"])
            .env(ROOT, self.root.path())
            .env(ISSUER, &self.provider.issuer)
            .env(CALLERS, callers.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Process { child, input, output }
    }
}

fn config_of(provider: &FakeProvider, store: FileStore, clock: &ManualClock) -> ConfigBuilder {
    Config::builder()
        .public_origin("https://app.example")
        .encryption_keys([key(1)])
        .signing_keys([key(2)])
        .user_id_key(key(3))
        .token_store(store)
        .clock(clock.clone())
        .provider(provider.settings())
}

/// A process of the application.
struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Has it refresh.
    fn tell(&mut self, stage: &Stage) {
        writeln!(self.input, "{} {}", stage.clock.unix(), stage.cookie).unwrap();
    }

    /// Waits for what became of it.
    fn hear(&mut self) -> Told {
        tokio::task::block_in_place(|| {
            loop {
                let line = self.output.next().expect("the process has ended").unwrap();
                if let Some((_, told)) = line.split_once(DONE) {
                    let mut words = told.split(' ').map(str::to_owned);
                    let mut word = || words.next().unwrap();
                    let (statuses, cookie) = (word(), word());
                    return Told { statuses, cookie, access_token: word(), user: word() };
                }
            }
        })
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
struct Told {
    /// Which statuses the callers got: one if they all got the same.
    statuses: String,
    cookie: String,
    access_token: String,
    user: String,
}

/// Not a test of its own: the process that the others start.
#[test]
#[ignore = "a part of other tests, which start it as a process of its own"]
fn child_process() {
    let (Ok(root), Ok(issuer)) = (env::var(ROOT), env::var(ISSUER)) else { return };
    let callers: usize = env::var(CALLERS).unwrap().parse().unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = ManualClock::new();
        let mut provider = FakeProvider::new("op", &clock);
        provider.issuer = issuer;
        let store = FileStore::open(root).await.unwrap();
        let app = App::new(config_of(&provider, store, &clock).build().unwrap(), &clock);
        for line in std::io::stdin().lines() {
            let line = line.unwrap();
            let (now, cookie) = line.split_once(' ').unwrap();
            clock.advance(Timestamp::from_unix(now.parse().unwrap()).since(clock.now()));
            println!("{DONE}{}", refresh_at_once(&app, callers, cookie).await);
        }
    });
}

async fn refresh_at_once(app: &App, callers: usize, cookie: &str) -> String {
    let mut browser = Browser::new(app);
    browser.plant(COOKIE, cookie);
    let refreshing = (0..callers).map(|_| {
        let mut browser = browser.clone();
        tokio::spawn(async move {
            let status = browser.fetch("/.auth/refresh").await.status.as_u16();
            (status, browser)
        })
    });
    let mut refreshed: Vec<_> =
        join_all(refreshing).await.into_iter().map(Result::unwrap).collect();
    let mut statuses: Vec<_> = refreshed.iter().map(|(status, _)| status.to_string()).collect();
    statuses.sort();
    statuses.dedup();
    let (_, browser) = &mut refreshed[0];
    let me = super::me(browser).await;
    let cookie = browser.cookie(COOKIE).unwrap().to_owned();
    let text = |name: &str| me[name].as_str().unwrap_or("-").to_owned();
    format!("{} {cookie} {} {}", statuses.join(","), text("access_token"), text("user_id"))
}

/// A provider on a port of this computer, and the way to it.
async fn serve(clock: &ManualClock) -> (FakeProvider, Network) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut provider = FakeProvider::new("op", clock);
    provider.issuer = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::unbounded_channel();
    let desk = Desk { provider: provider.clone(), state: Arc::default(), sender };
    let network = Network { state: Arc::clone(&desk.state), tripped: receiver };
    let router = axum::Router::new().fallback(answer).with_state(desk);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (provider, network)
}

/// Where requests to the provider arrive.
#[derive(Clone)]
struct Desk {
    provider: FakeProvider,
    state: Arc<Mutex<Calls>>,
    sender: mpsc::UnboundedSender<()>,
}

#[derive(Default)]
struct Calls {
    refreshes: usize,
    trip: Option<Trip>,
}

struct Network {
    state: Arc<Mutex<Calls>>,
    tripped: mpsc::UnboundedReceiver<()>,
}

/// Where the next refresh is kept for ever: with its request, or with its answer.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Trip {
    BeforeAnswering,
    AfterAnswering,
}

impl Network {
    /// How many refreshes the provider was asked for since this was last asked.
    fn take_calls(&self) -> usize {
        std::mem::take(&mut self.state.lock().unwrap().refreshes)
    }

    fn trip(&self, trip: Trip) {
        self.state.lock().unwrap().trip = Some(trip);
    }

    /// Waits until a refresh is kept.
    async fn tripped(&mut self) {
        self.tripped.recv().await.unwrap();
    }
}

impl Desk {
    async fn keep(&self) -> Response {
        self.sender.send(()).unwrap();
        std::future::pending().await
    }
}

async fn answer(State(desk): State<Desk>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let mut trip = None;
    if body.windows(24).any(|part| part == b"grant_type=refresh_token") {
        let mut calls = desk.state.lock().unwrap();
        calls.refreshes += 1;
        trip = calls.trip.take();
    }
    if trip == Some(Trip::BeforeAnswering) {
        return desk.keep().await;
    }
    parts.uri = format!("{}{}", desk.provider.issuer, parts.uri).parse::<Uri>().unwrap();
    let request = axum::http::Request::from_parts(parts, body);
    let answer = network(std::slice::from_ref(&desk.provider)).oneshot(request).await.unwrap();
    if trip == Some(Trip::AfterAnswering) {
        return desk.keep().await;
    }
    answer.map(Body::from)
}

const COOKIE: &str = "AppServiceAuthSession";
const ROOT: &str = "EASYAUTH_REFRESH_ROOT";
const ISSUER: &str = "EASYAUTH_REFRESH_ISSUER";
const CALLERS: &str = "EASYAUTH_REFRESH_CALLERS";
const DONE: &str = "refreshed ";
