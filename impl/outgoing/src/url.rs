//! URLs that requests can be sent to.

use url::Url;

/// Bytes of a URL; receivers, and what is between, do not take longer ones.
const MAX_URL_BYTES: usize = 8_000;

/// An absolute URL of http or https, without a fragment.
pub(crate) fn absolute(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URL_BYTES)?;
    url.set_fragment(None);
    (["http", "https"].contains(&url.scheme()) && url.has_host()).then_some(url)
}
