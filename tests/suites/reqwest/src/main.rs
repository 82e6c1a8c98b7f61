//! Posts fifty bodies at once with a token that has expired: `reqwest-client ORIGIN`. Each comes back.

use bytes::Bytes;
use easyauth::PublicOrigin;
use easyauth::client::{EasyAuthClient, MemoryUserStore, RequestBody, User};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower::{BoxError, Layer as _, ServiceBuilder, ServiceExt as _};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let origin = std::env::args().nth(1).ok_or("usage: reqwest-client ORIGIN")?;
    let user = User::new(PublicOrigin::parse(&origin)?, "sid:alice", "expired")?;
    let app = EasyAuthClient::builder(&origin).user_store(MemoryUserStore::with(user)).build()?;
    let no_redirects = reqwest::redirect::Policy::none();
    let inner = ServiceBuilder::new()
        .map_request(|request: Request<RequestBody<Full<Bytes>>>| {
            reqwest::Request::try_from(request.map(reqwest::Body::wrap)).expect("an absolute URI")
        })
        .map_response(Response::<reqwest::Body>::from)
        .service(reqwest::Client::builder().redirect(no_redirects).build()?);
    let http = app.layer().layer(inner);

    let posts: Vec<_> = (0..50)
        .map(|number| {
            let (http, uri) = (http.clone(), format!("{origin}/{number}"));
            tokio::spawn(async move {
                let body = format!("body {number}");
                let request = Request::post(uri).body(Full::from(body.clone()))?;
                let response = http.oneshot(request).await?;
                let status = response.status();
                let echo = response.into_body().collect().await?.to_bytes();
                if status != 200 || echo != body {
                    return Err(BoxError::from(format!("{number}: {status} {echo:?}")));
                }
                Ok(())
            })
        })
        .collect();
    for post in posts {
        post.await??;
    }
    Ok(())
}
