//! What a client accepts, for handlers whose responses have media types with different schemas.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::media_type::best;

/// The media types of responses that a client accepts, and how much it likes each (RFC 9110, 12.5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accept(HeaderMap);

impl Accept {
    /// What the fields of a request say.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(ACCEPT).iter().map(|line| (ACCEPT, line.clone())).collect())
    }

    /// The index of the media type that the client likes best; the first when it accepts none.
    pub fn best(&self, media: &[&str]) -> usize {
        best(media, &self.0).unwrap_or(0)
    }

    /// Whether it accepts a media type.
    pub fn accepts(&self, media: &str) -> bool {
        best(&[media], &self.0).is_some()
    }
}
