//! The values of path parameters, as they were sent.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::percent::decoded;

/// Where in the path of a request the parameters are that a [`Template`](crate::Template) has found.
#[derive(Debug, Clone)]
pub struct Matched(pub Arc<[Range<usize>]>);

/// The path of a request that matches a template, which names its parameters.
#[derive(Debug, Clone, Copy)]
pub struct PathValues<'r> {
    template: &'static str,
    path: &'r str,
    found: Option<&'r [Range<usize>]>,
}

impl<'r> PathValues<'r> {
    /// Of a path that was matched: by the router when each parameter is a segment, otherwise by a [`Template`](crate::Template).
    pub fn new(template: &'static str, path: &'r str, found: Option<&'r Matched>) -> Self {
        Self { template, path, found: found.map(|found| &*found.0) }
    }

    /// Whether its percent-encoded bytes are text.
    pub fn is_text(&self) -> bool {
        decoded(self.path).is_ok()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'r str)> + use<'r> {
        let (template, path) = (self.template, self.path);
        let segments = self.found.is_none().then(|| template.split('/').zip(path.split('/')));
        let whole = segments
            .into_iter()
            .flatten()
            .filter_map(|(segment, value)| Some((segment.strip_prefix('{')?.strip_suffix('}')?, value)));
        let names = template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
        let found = self.found.unwrap_or(&[]).iter().filter_map(|range| path.get(range.clone()));
        whole.chain(names.zip(found))
    }

    /// Names and values, decoded.
    pub fn decoded(&self) -> impl Iterator<Item = (&'static str, Cow<'r, str>)> + use<'r> {
        self.iter().map(|(name, value)| (name, decoded(value).unwrap_or(Cow::Borrowed(value))))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&'r str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}
