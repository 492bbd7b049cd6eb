//! Requests to providers: to secure addresses, with a deadline, and without reading more than a provider needs to say.

use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;
use url::Url;

use crate::targets::is_secure;

/// Of one request, with its response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
/// Bytes of a response: metadata and keys of large providers have some ten thousand.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;

/// Why a provider did not respond as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("an endpoint is neither https nor on this machine")]
    NotSecure,
    #[error("a response has more than {MAX_RESPONSE_BYTES} bytes")]
    TooLarge,
    #[error("{}", last_cause(.0))]
    Http(#[from] reqwest::Error),
    #[error("a response cannot be read: {0}")]
    Response(#[from] openidconnect::http::Error),
}

/// The last cause says most, and repeats nothing of the URL.
fn last_cause(error: &reqwest::Error) -> String {
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    if error.is_timeout() {
        "no response in time".to_owned()
    } else {
        causes.last().map(ToString::to_string).unwrap_or_default()
    }
}

/// The client for all providers. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    /// A client that trusts the authorities of the system, which are read here.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) fn new() -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .user_agent(concat!("openid/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(client))
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).ok().filter(is_secure).ok_or(Failure::NotSecure)?;
        let request = self.0.request(parts.method, url).headers(parts.headers).body(body);
        let mut response = request.send().await?;
        let mut to = openidconnect::http::Response::builder().status(response.status());
        if let Some(headers) = to.headers_mut() {
            headers.clone_from(response.headers());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(to.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Client {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
