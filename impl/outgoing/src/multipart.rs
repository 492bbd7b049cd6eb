//! Forms of several parts (RFC 7578).

#![allow(
    dead_code,
    missing_docs,
    reason = "the clients have this file as well, and what is used there depends on the documents"
)]

use serde::Serialize;
use serde_json::Value;

use crate::spelling::{text, value_of};

/// A file of a form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    pub name: String,
    /// `application/octet-stream` where it is not given.
    pub media_type: Option<String>,
    pub content: Vec<u8>,
}

/// What divides the parts, before a number.
const BOUNDARY: &str = "----schema-first-client-";

/// The parts of a form (RFC 7578).
#[derive(Default)]
pub struct Multipart(Vec<(String, Vec<u8>)>);

impl Multipart {
    fn part(&mut self, name: &str, file: Option<&str>, media: Option<&str>, content: Vec<u8>) {
        let quoted = |text: &str| text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let file = file.map(|name| format!("; filename=\"{}\"", quoted(name))).unwrap_or_default();
        let media = media.map(|media| format!("Content-Type: {}\r\n", quoted(media))).unwrap_or_default();
        self.0
            .push((format!("Content-Disposition: form-data; name=\"{}\"{file}\r\n{media}\r\n", quoted(name)), content));
    }

    pub fn file(&mut self, name: &str, file: &File, media: Option<&str>) {
        let media = file.media_type.as_deref().or(media).unwrap_or("application/octet-stream");
        self.part(name, Some(&file.name), Some(media), file.content.clone());
    }

    /// Each item of a list is a part; objects are JSON.
    pub fn field(&mut self, name: &str, value: &impl Serialize, json: bool, media: Option<&str>) {
        let items = match value_of(value) {
            Value::Null => Vec::new(),
            Value::Array(items) => items,
            one => vec![one],
        };
        for item in items {
            if json || item.is_object() || item.is_array() {
                self.part(name, None, media.or(Some("application/json")), item.to_string().into_bytes());
            } else {
                self.part(name, None, media, text(&item).into_bytes());
            }
        }
    }

    /// Every field of an object.
    pub fn rest(&mut self, value: &impl Serialize) {
        for (name, one) in value_of(value).as_object().into_iter().flatten() {
            self.field(name, one, false, None);
        }
    }

    /// The media type of the body.
    pub fn media(&self) -> String {
        format!("multipart/form-data; boundary={BOUNDARY}{}", self.mark())
    }

    /// What no part contains.
    fn mark(&self) -> usize {
        let contains = |mark: &str, content: &[u8]| content.windows(mark.len()).any(|window| window == mark.as_bytes());
        let is_free = |number: &usize| {
            let mark = format!("{BOUNDARY}{number}");
            !self.0.iter().any(|(_, content)| contains(&mark, content))
        };
        (0..).find(is_free).unwrap_or_default()
    }

    pub fn finish(self) -> Vec<u8> {
        let mark = self.mark();
        let mut body = Vec::new();
        for (head, content) in self.0 {
            body.extend_from_slice(format!("--{BOUNDARY}{mark}\r\n{head}").as_bytes());
            body.extend_from_slice(&content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{BOUNDARY}{mark}--\r\n").as_bytes());
        body
    }
}
