//! HTTP/1.1 on loopback: a server on core 0, and `wrk` with 32 connections on core 1.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::{env, future};

use axum::ServiceExt as _;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderMap, Request};
use tokio::net::TcpListener;
use tower::Service;

use crate::browser;
use crate::cases;
use crate::in_process::median;

const CASES: [&str; 6] = [
    "bare axum router",
    "easyauth",
    "tower-sessions, private cookie",
    "axum-login, login_required!",
    "axum-oidc-client, AuthSession",
    "axum-oidc, ES256",
];

pub fn measure() {
    let mut servers: Vec<Server> = CASES.iter().map(|case| Server::start(case)).collect();
    // The bare application is given the same bytes as ours.
    servers[0].headers = servers[1].headers.clone();
    let mut rates = vec![Vec::new(); CASES.len()];
    for _ in 0..ROUNDS {
        for (server, rates) in servers.iter().zip(&mut rates) {
            rates.push(server.requests_a_second());
        }
    }
    let rates: Vec<f64> = rates.into_iter().map(median).collect();
    println!("| | requests a second | ours, as a multiple |");
    println!("|---|--:|--:|");
    for (case, rate) in CASES.iter().zip(&rates) {
        println!("| {case} | {rate:.0} | {:.2} |", rates[1] / rate);
    }
}

struct Server {
    process: Child,
    address: String,
    headers: Vec<String>,
}

impl Server {
    fn start(case: &str) -> Self {
        let mut process = Command::new("taskset")
            .args(["-c", "0"])
            .arg(env::current_exe().unwrap())
            .args(["serve", case])
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset is installed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        let address = line();
        let headers = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()));
        let headers = headers.collect();
        Self { process, address, headers }
    }

    fn requests_a_second(&self) -> f64 {
        let mut wrk = Command::new("taskset");
        wrk.args(["-c", "1", "wrk", "-t1", "-c32", "-d1s"]);
        self.headers.iter().for_each(|header| {
            wrk.args(["-H", header]);
        });
        let output = wrk.arg(&self.address).output().expect("wrk is installed");
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(!report.contains("Non-2xx"), "{report}");
        let rate = report.lines().find_map(|line| line.split_once("Requests/sec:"));
        rate.unwrap_or_else(|| panic!("{report}")).1.trim().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves a case, and prints where and with which headers it is signed in.
pub fn serve(case: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let provider = cases::provider().await;
        match CASES.iter().position(|known| *known == case).expect("a case") {
            0 => run(cases::bare(), "/").await,
            1 => run(cases::easyauth(&provider), "/.auth/login/dev").await,
            2 => run(cases::tower_sessions(), "/login").await,
            3 => run(cases::axum_login(), "/login").await,
            4 => run(cases::axum_oidc_client(&provider), "/auth").await,
            _ => run(cases::axum_oidc(&provider).await, "/callback").await,
        }
    });
}

async fn run<S>(app: S, start: &str)
where
    S: Service<Request<Body>, Error = Infallible, Response: IntoResponse> + Clone,
    S: Send + Sync + 'static,
    S::Future: Send,
{
    let app = tower::ServiceBuilder::new().map_response(IntoResponse::into_response).service(app);
    let headers = browser::signed_in(&app, start).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/", listener.local_addr().unwrap());
    print_headers(&headers);
    axum::serve(listener, app.into_make_service()).await.unwrap();
    future::pending().await
}

fn print_headers(headers: &HeaderMap) {
    for (name, value) in headers {
        println!("{name}: {}", value.to_str().unwrap());
    }
    println!();
}

const ROUNDS: usize = 20;
