//! One attempt: a request, and what comes back.

use std::error::Error as StdError;
use std::time::Duration;

use chrono::Utc;
use http::header::{CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use platform::settings::Targets;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};

use crate::claim::Delivery;
use crate::outcome::Outcome;
use crate::signature::Keys;
use crate::slots::MAX_PER_HOST;
use crate::target::{self, NotAllowed, Resolver};
use crate::tuning::Tuning;

/// Bytes of a response that are read, so that its connection can be used again.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Connections that are not used are closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Characters of an error that are kept.
const MAX_ERROR_LENGTH: usize = 200;

/// The client of a process.
pub(crate) struct Requests {
    client: Client,
    keys: Keys,
    targets: Targets,
    user_agent: HeaderValue,
}

impl Requests {
    /// A client that trusts the authorities of the system, which are read here.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) fn new(service: &str, keys: Keys, targets: Targets, tuning: &Tuning) -> Result<Self, String> {
        let user_agent = format!("{service}-webhooks/{}", env!("CARGO_PKG_VERSION"));
        let authorities: reqwest::Result<Vec<_>> =
            tuning.authorities.iter().map(|authority| Certificate::from_der(authority)).collect();
        let client = Client::builder()
            .timeout(tuning.timeout)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .https_only(targets == Targets::Public)
            .dns_resolver(Resolver(targets))
            .pool_max_idle_per_host(MAX_PER_HOST)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_certs_merge(authorities.map_err(|error| in_words(&error))?)
            .build()
            .map_err(|error| in_words(&error))?;
        let user_agent = HeaderValue::try_from(user_agent).map_err(|error| error.to_string())?;
        Ok(Self { client, keys, targets, user_agent })
    }

    /// Sends a request, and waits for the response.
    pub(crate) async fn send(&self, delivery: &mut Delivery) -> Outcome {
        // What was allowed when it was put may not be by the settings of today; and addresses are never resolved.
        let url = match target::parse(&delivery.url, self.targets) {
            Ok(url) => url,
            Err(why) => return Outcome::NotAllowed(why.to_owned()),
        };
        let Ok(method) = Method::from_bytes(delivery.method.as_bytes()) else {
            return Outcome::NotAllowed("the method is none".to_owned());
        };
        let mut headers = self.headers(delivery);
        // Some servers demand it where a body is usual (RFC 9110, 8.6), and the client leaves it out.
        if delivery.body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        let body = std::mem::take(&mut delivery.body);
        match self.client.request(method, url).headers(headers).body(body).send().await {
            Ok(response) => {
                let outcome = Outcome::of_response(response.status(), response.headers(), Utc::now());
                drain(response).await;
                outcome
            }
            Err(error) if error.is_timeout() => Outcome::Timeout,
            Err(error) if is_not_allowed(&error) => Outcome::NotAllowed(NotAllowed.to_string()),
            Err(error) => Outcome::Unreachable(in_words(&error.without_url())),
        }
    }

    /// The headers of Standard Webhooks and ours, unless the document has its own of the same name.
    fn headers(&self, delivery: &Delivery) -> HeaderMap {
        let seconds = Utc::now().timestamp();
        let id = delivery.id.to_string();
        let signature = self.keys.of(delivery.recipient).sign(&id, seconds, &delivery.body);
        let own = [
            (HeaderName::from_static("webhook-id"), HeaderValue::try_from(id).ok()),
            (HeaderName::from_static("webhook-timestamp"), Some(HeaderValue::from(seconds))),
            (HeaderName::from_static("webhook-signature"), HeaderValue::try_from(signature).ok()),
            (HeaderName::from_static("traceparent"), delivery.trace.as_deref().and_then(|trace| trace.parse().ok())),
            (USER_AGENT, Some(self.user_agent.clone())),
        ];
        let mut headers = HeaderMap::new();
        for pair in delivery.headers.chunks_exact(2) {
            if let (Ok(name), Ok(value)) = (pair[0].parse::<HeaderName>(), HeaderValue::from_bytes(pair[1].as_bytes()))
            {
                headers.append(name, value);
            }
        }
        for (name, value) in own {
            if let Some(value) = value.filter(|_| !headers.contains_key(&name)) {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// Reads the beginning of a response. Of a longer one the connection is closed; what it says does not matter.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read >= MAX_RESPONSE_BYTES {
            return;
        }
    }
}

fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn StdError + 'static)| (*error).source())
}

fn is_not_allowed(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| cause.is::<NotAllowed>())
}

/// The last cause says most, and repeats nothing of the URL.
fn in_words(error: &reqwest::Error) -> String {
    let cause = causes(error).last().map(ToString::to_string).unwrap_or_default();
    cause.replace('\0', " ").chars().take(MAX_ERROR_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn names_are_resolved_to_public_addresses_only() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://localhost:{}/", listener.local_addr().expect("an address").port());
        let send = async |targets| {
            let requests =
                Requests::new("test", Keys::new(&"key".into(), "test").expect("a key"), targets, &Tuning::default());
            let requests = requests.expect("the system has authorities");
            tokio::select! {
                response = requests.client.get(&url).send() => response.expect_err("there is no TLS"),
                _ = async { drop(listener.accept().await); std::future::pending::<()>().await } => unreachable!(),
            }
        };
        let refused = send(Targets::Public).await;
        assert!(is_not_allowed(&refused), "{refused:?}");
        let reached = send(Targets::Any).await;
        assert!(!is_not_allowed(&reached) && reached.is_connect(), "{reached:?}");
    }
}
