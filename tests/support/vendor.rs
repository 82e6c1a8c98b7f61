//! A provider that answers with recorded documents, whatever it is asked: the one test is what it
//! is asked, and what becomes of its answers.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use easyauth::http_client::HttpClient;
use http::{HeaderMap, Request, Response, header};
use tower::BoxError;
use tower::util::BoxCloneSyncService;
use url::form_urlencoded;

/// The provider. Clones are the same one.
#[derive(Clone, Default)]
pub struct Vendor(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: Vec<Recorded>,
    asked: Vec<Question>,
}

/// An answer, and what it answers.
struct Recorded {
    method: &'static str,
    /// The address without its query.
    address: &'static str,
    status: u16,
    kind: &'static str,
    body: &'static str,
}

/// A request that the provider got.
#[derive(Clone, Debug)]
pub struct Question {
    pub method: String,
    pub address: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Question {
    /// A parameter of the form that was posted.
    pub fn parameter(&self, name: &str) -> Option<String> {
        find(&self.body, name)
    }

    /// A parameter of the query.
    pub fn queried(&self, name: &str) -> Option<String> {
        find(self.query.as_bytes(), name)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn find(form: &[u8], name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(form);
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

impl Vendor {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on `asked`, such as `GET https://api.example/user`, is answered with this JSON.
    pub fn json(&self, asked: &'static str, body: &'static str) {
        self.answer(asked, 200, "application/json; charset=utf-8", body);
    }

    /// From now on `asked` is answered so.
    pub fn answer(&self, asked: &'static str, status: u16, kind: &'static str, body: &'static str) {
        let (method, address) = asked.split_once(' ').unwrap();
        self.state().answers.push(Recorded { method, address, status, kind, body });
    }

    /// What was asked at `address` so far.
    pub fn asked(&self, address: &str) -> Vec<Question> {
        self.state().asked.iter().filter(|asked| asked.address == address).cloned().collect()
    }

    /// How often anything was asked.
    pub fn count(&self) -> usize {
        self.state().asked.len()
    }

    /// The network on which there is nobody else.
    pub fn network(&self) -> HttpClient {
        let vendor = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let vendor = vendor.clone();
            async move { vendor.reply(&request) }
        }))
    }

    fn reply(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let uri = request.uri().to_string();
        let (address, query) = uri.split_once('?').unwrap_or((&uri, ""));
        let mut state = self.state();
        state.asked.push(Question {
            method: request.method().to_string(),
            address: address.to_owned(),
            query: query.to_owned(),
            headers: request.headers().clone(),
            body: request.body().clone(),
        });
        let fits = |answer: &&Recorded| {
            answer.method == request.method().as_str() && answer.address == address
        };
        // The latest counts.
        let answer = state.answers.iter().rev().find(fits);
        let answer = answer.ok_or_else(|| format!("nobody answers {} {uri}", request.method()))?;
        let response = Response::builder().status(answer.status);
        Ok(response.header(header::CONTENT_TYPE, answer.kind).body(Bytes::from(answer.body))?)
    }
}
