//! What references name: the resources of a document (`$id`; JSON Schema 2020-12, 8.2) with their anchors.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use url::Url;

use super::model::Id;

/// Where the document itself would be; references that leave it are rejected, whatever this is.
const DOCUMENT: &str = "https://openapi.invalid/";

pub(super) struct Resources {
    /// Each with the pointer of its root; the first is the document.
    known: Vec<(Option<Url>, String)>,
    anchors: HashMap<(usize, String), Anchor>,
    /// Those of `$dynamicRef`s, numbered.
    names: Vec<String>,
}

struct Anchor {
    id: Id,
    pointer: String,
    dynamic: bool,
}

/// What a reference leads to.
pub(super) struct Target {
    pub pointer: String,
    /// The name, if it is a `$dynamicAnchor`.
    pub dynamic: Option<String>,
}

impl Resources {
    pub fn new() -> Self {
        Self { known: vec![(Url::parse(DOCUMENT).ok(), String::new())], anchors: HashMap::new(), names: Vec::new() }
    }

    fn join(&self, base: usize, uri: &str) -> Option<Url> {
        match &self.known[base].0 {
            Some(base) => base.join(uri).ok(),
            None => Url::parse(uri).ok(),
        }
    }

    /// `$id` of the schema at a pointer, within the resource `base`.
    ///
    /// # Errors
    /// When it is no URI reference, or that of another schema.
    pub fn add(&mut self, base: usize, uri: &str, pointer: &str) -> Result<usize, String> {
        let Some(mut uri) = self.join(base, uri) else {
            return Err(format!("#{pointer}/$id: must be a URI reference"));
        };
        uri.set_fragment(None);
        if let Some(other) = self.known.iter().position(|(known, _)| known.as_ref() == Some(&uri)) {
            return if other == 0 || self.known[other].1 == pointer {
                Ok(other)
            } else {
                Err(format!("#{pointer}/$id: is that of #{}, too", self.known[other].1))
            };
        }
        self.known.push((Some(uri), pointer.to_owned()));
        Ok(self.known.len() - 1)
    }

    /// `$anchor` or `$dynamicAnchor` of a schema. The first of a name counts.
    pub fn anchor(&mut self, resource: usize, name: String, id: Id, pointer: &str, dynamic: bool) {
        let anchor = Anchor { id, pointer: pointer.to_owned(), dynamic };
        self.anchors.entry((resource, name)).or_insert(anchor);
    }

    /// The innermost resource that a pointer is in.
    pub fn around(&self, pointer: &str) -> usize {
        let holds =
            |root: &str| pointer.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let around = self.known.iter().enumerate().filter(|(_, (_, root))| holds(root));
        around.max_by_key(|(_, (_, root))| root.len()).map_or(0, |(index, _)| index)
    }

    /// What a reference in the resource `base` leads to.
    ///
    /// # Errors
    /// Why it leads nowhere.
    pub fn target(&self, base: usize, reference: &str) -> Result<Target, &'static str> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let resource = if uri.is_empty() {
            base
        } else {
            let uri = self.join(base, uri).ok_or("is no URI reference")?;
            let found = self.known.iter().position(|(known, _)| known.as_ref() == Some(&uri));
            found.ok_or("leads out of the document")?
        };
        let fragment = percent_decode_str(fragment).decode_utf8().map_err(|_| "is no URI reference")?;
        let root = &self.known[resource].1;
        if fragment.is_empty() || fragment.starts_with('/') {
            return Ok(Target { pointer: format!("{root}{fragment}"), dynamic: None });
        }
        let anchor = self.anchors.get(&(resource, fragment.clone().into_owned())).ok_or("names no anchor")?;
        Ok(Target { pointer: anchor.pointer.clone(), dynamic: anchor.dynamic.then(|| fragment.into_owned()) })
    }

    /// The number of a name that a `$dynamicRef` has.
    pub fn name(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// By resource, the numbers of those names that `$dynamicRef`s have, and their schemas. A name that only one resource has is not
    /// among them: it means the same everywhere.
    pub fn dynamic(&self) -> HashMap<usize, Vec<(usize, Id)>> {
        let mut found: HashMap<usize, Vec<(usize, Id)>> = HashMap::new();
        for (number, name) in self.names.iter().enumerate() {
            let same = |resource: &usize| self.anchors.get(&(*resource, name.clone())).filter(|anchor| anchor.dynamic);
            let having: Vec<_> =
                (0..self.known.len()).filter_map(|resource| Some((resource, same(&resource)?.id))).collect();
            if having.len() > 1 {
                having.into_iter().for_each(|(resource, id)| found.entry(resource).or_default().push((number, id)));
            }
        }
        found
    }
}
