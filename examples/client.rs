//! A program at a command line that calls an application behind Easy Auth: it signs in once, and
//! goes on through restarts, expired tokens and regenerated keys.
//!
//! Beside `cargo run --example quickstart`:
//!
//! ```sh
//! cargo run --example client                 # signs in in a browser, and says hello
//! cargo run --example client                 # knows who you are
//! cargo run --example client -- --times 50   # so many at once; one refresh or login serves them all
//! cargo run --example client -- --logout
//! ```
//!
//! Options: `--app URL` (default `http://127.0.0.1:8080`), `--provider NAME` (default `dev`),
//! `--user FILE` (default `target/client/user.json`), `--paste`, for a browser on another machine: the
//! address that it ends at is pasted here; `--times N`; and in place of a path `--me`, `--refresh` or
//! `--logout`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program at a command line")]

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::mpsc;

use bytes::Bytes;
use easyauth::client::{EasyAuthClient, FileUserStore, Login, NotHealed, SignedIn, User};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::oneshot;
use tower::{BoxError, Layer as _, ServiceExt as _};

/// The main thread has the terminal, as in other programs it has the windows. Work goes on elsewhere,
/// and comes here to show or ask something.
fn main() -> Result<(), BoxError> {
    let options = Options::parse(std::env::args().skip(1))?;
    let (screen, wishes) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let work = runtime.spawn(work(options, screen));
    // The last sender goes when the work is done.
    for wish in wishes {
        attend_to(wish)?;
    }
    runtime.block_on(work)?
}

/// What the main thread is asked for.
enum Wish {
    Show(String),
    /// A line of the user's; none if they have closed the input.
    Ask(String, oneshot::Sender<Option<String>>),
}

fn attend_to(wish: Wish) -> io::Result<()> {
    match wish {
        Wish::Show(text) => println!("{text}"),
        Wish::Ask(text, answer) => {
            print!("{text}\n> ");
            io::stdout().flush()?;
            let mut line = String::new();
            let length = io::stdin().read_line(&mut line)?;
            // Whoever asked may have given up meanwhile.
            let _ = answer.send((length > 0).then_some(line));
        }
    }
    Ok(())
}

async fn work(options: Options, screen: mpsc::Sender<Wish>) -> Result<(), BoxError> {
    let (provider, paste) = (options.provider.clone(), options.paste);
    let on_screen = screen.clone();
    let app = EasyAuthClient::builder(&options.app)
        .user_store(FileUserStore::open(&options.user)?)
        .login(move |login| sign_in(login, provider.clone(), paste, on_screen.clone()))
        .build()?;
    let show = |text: String| drop(screen.send(Wish::Show(text)));
    match &options.command {
        Command::Get(path) => {
            let uri = format!("{}{path}", app.origin());
            show(get(&app, &uri, options.times).await?);
        }
        Command::Me => {
            for identity in app.me().await? {
                show(format!("{} at {}", identity.user_id, identity.provider_name));
            }
        }
        Command::Refresh => {
            app.refresh_user().await?;
            show("The token is fresh.".to_owned());
        }
        Command::Logout => {
            app.logout().await?;
            show("Signed out.".to_owned());
        }
    }
    app.drain().await;
    Ok(())
}

/// The program's own way to sign somebody in. It runs on a thread of tokio's: what belongs to the main
/// thread is handed over, and waited for.
async fn sign_in(
    login: Login,
    provider: String,
    paste: bool,
    screen: mpsc::Sender<Wish>,
) -> Result<User, BoxError> {
    if !paste {
        let show = |address: &str| {
            drop(screen.send(Wish::Show(format!("Sign in in a browser at\n{address}"))));
        };
        return Ok(login.in_browser(&provider, show).await?);
    }
    let (answer, line) = oneshot::channel();
    let question = format!(
        "Sign in in a browser at\n{}\nand paste the address that it ends at:",
        login.address(&provider)
    );
    screen.send(Wish::Ask(question, answer)).map_err(|_| "nobody is there to ask")?;
    let line = line.await?.ok_or("nobody has signed in")?;
    Ok(login.redirected(&line)?)
}

/// Asks for `uri` so often at once, and tells what comes.
async fn get(app: &EasyAuthClient, uri: &str, times: usize) -> Result<String, BoxError> {
    let client: Client<_, _> =
        Client::builder(TokioExecutor::new()).build::<_, _>(HttpConnector::new());
    let http = app.layer().layer(client);
    let calls: Vec<_> =
        (0..times).map(|_| tokio::spawn(call(http.clone(), uri.to_owned()))).collect();
    let mut first = None;
    let mut good = 0;
    for call in calls {
        let (status, text) = call.await??;
        good += usize::from(status == StatusCode::OK);
        first.get_or_insert(text);
    }
    let first = first.unwrap_or_default();
    Ok(if times == 1 { first } else { format!("{good} of {times} succeeded.") })
}

type Http = SignedIn<Client<HttpConnector, easyauth::client::RequestBody<Empty<Bytes>>>>;

async fn call(http: Http, uri: String) -> Result<(StatusCode, String), BoxError> {
    let response = http.oneshot(Request::get(uri).body(Empty::new())?).await?;
    let status = response.status();
    let why = response.extensions().get::<NotHealed>().map(|NotHealed(error)| error.clone());
    let body = response.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body).trim_end().to_owned();
    Ok((
        status,
        match why {
            Some(error) => format!("{status}: {error}"),
            None if status != StatusCode::OK => format!("{status}: {text}"),
            None => text,
        },
    ))
}

enum Command {
    Get(String),
    Me,
    Refresh,
    Logout,
}

struct Options {
    app: String,
    provider: String,
    user: PathBuf,
    paste: bool,
    times: usize,
    command: Command,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let mut options = Self {
            app: "http://127.0.0.1:8080".to_owned(),
            provider: "dev".to_owned(),
            user: "target/client/user.json".into(),
            paste: false,
            times: 1,
            command: Command::Get("/api/hello".to_owned()),
        };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name}: {USAGE}"));
            match name.as_str() {
                "--app" => options.app = value()?,
                "--provider" => options.provider = value()?,
                "--user" => options.user = value()?.into(),
                "--paste" => options.paste = true,
                "--times" => options.times = value()?.parse()?,
                "--me" => options.command = Command::Me,
                "--refresh" => options.command = Command::Refresh,
                "--logout" => options.command = Command::Logout,
                path if path.starts_with('/') => options.command = Command::Get(name),
                _ => return Err(format!("{name} is not known; {USAGE}").into()),
            }
        }
        Ok(options)
    }
}

const USAGE: &str = "usage: client [--app URL] [--provider NAME] [--user FILE] [--paste] \
                     [--times N] [PATH | --me | --refresh | --logout]";
