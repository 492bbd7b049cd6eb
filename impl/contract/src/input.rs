//! The decoded parts of one request, handed to a generated function that picks what its operation declares.

use bytes::Bytes;
use http::HeaderMap;
use validation::{Decoder, Place, SchemaRef, Step, Value};
use wire::{Accept, BodyStream, Fault, Pairs, Parameter, PathValues, Texts};

use crate::form::{Form, Parts};
use crate::operation::Operation;

/// A request whose caller is known and whose body was read; parameters and body are taken by name.
pub struct Input<'r> {
    pub(crate) operation: &'static Operation,
    pub(crate) path: PathValues<'r>,
    pub(crate) query: Pairs<'r>,
    pub(crate) cookies: Result<Pairs<'r>, Fault>,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) texts: &'r Texts,
    pub(crate) media: usize,
    pub(crate) body: Content<'r>,
    pub(crate) at: Decoder,
}

/// A body, as it is read by its media type.
pub(crate) enum Content<'r> {
    Absent,
    Value(Value<'r>),
    Bytes(Bytes),
    Stream(BodyStream),
    Parts(Parts<'r>),
}

/// Instead of a parameter that must be there.
const ABSENT: Fault = Fault { code: "required", detail: "Is required." };

/// What a rule is: it takes a value and yields what it decodes to, or records a violation.
pub(crate) type Rule<'v, T> = fn(Value<'v>, &mut Decoder) -> Option<T>;

impl<'r> Input<'r> {
    /// A parameter that must be there.
    pub fn required<T>(&mut self, parameter: &Parameter, rule: Rule<'r, T>) -> Option<T> {
        let found = self.find(parameter).and_then(|found| found.map(Some).ok_or(ABSENT));
        self.judge(parameter, found, rule)?
    }

    /// A parameter that may be absent.
    pub fn optional<T>(&mut self, parameter: &Parameter, rule: Rule<'r, T>) -> Option<Option<T>> {
        let found = self.find(parameter).map(|found| found.filter(|value| !parameter.is_omitted(value)));
        self.judge(parameter, found, rule)
    }

    /// A parameter that has a value of the document's (JSON text) when absent.
    pub fn defaulted<T>(&mut self, parameter: &Parameter, default: &'static str, rule: Rule<'r, T>) -> Option<T> {
        match self.optional(parameter, rule)? {
            Some(value) => Some(value),
            None => {
                let value = Value::from_json(default.as_bytes()).ok();
                self.judge(parameter, Ok(value), rule)?
            }
        }
    }

    fn find(&mut self, parameter: &Parameter) -> Result<Option<Value<'r>>, Fault> {
        match parameter.place() {
            Place::Path => {
                self.path.get(parameter.name()).map(|raw| wire::path_value(parameter, raw, self.texts)).transpose()
            }
            Place::Header => wire::header(parameter, self.headers, self.texts),
            Place::Cookie => match &mut self.cookies {
                Ok(cookies) => wire::query(parameter, cookies, self.texts),
                Err(fault) => Err(*fault),
            },
            Place::Query | Place::Body => wire::query(parameter, &mut self.query, self.texts),
        }
    }

    fn judge<T>(
        &mut self,
        parameter: &Parameter,
        found: Result<Option<Value<'r>>, Fault>,
        rule: Rule<'r, T>,
    ) -> Option<Option<T>> {
        if let Ok(None) = found {
            return Some(None);
        }
        self.at.enter(parameter.place());
        self.at.named(parameter.name(), |at| match found {
            Ok(Some(value)) => rule(value, at).map(Some),
            Ok(None) => Some(None),
            Err(Fault { code, detail }) => at.refuse(code, detail),
        })
    }

    /// Which of the operation's media types the body has: the index in [`BodyRule::media`](crate::BodyRule::media).
    pub fn media(&self) -> usize {
        self.media
    }

    /// The media types of responses that the client accepts.
    pub fn accept(&self) -> Option<Accept> {
        Some(Accept::of(self.headers))
    }

    /// The body; it was read because the document requires it.
    pub fn body<T>(&mut self, rule: Rule<'r, T>) -> Option<T> {
        self.optional_body(rule)?.or_else(|| self.no_body())
    }

    /// The body, if there is one.
    pub fn optional_body<T>(&mut self, rule: Rule<'r, T>) -> Option<Option<T>> {
        self.at.enter(Place::Body);
        match self.take_body() {
            // Of a form whose parts the document does not name the fields.
            Content::Value(value) | Content::Parts(Parts { fields: value, .. }) => rule(value, &mut self.at).map(Some),
            _ => Some(None),
        }
    }

    /// The body, as bytes.
    pub fn bytes(&mut self) -> Option<Bytes> {
        self.optional_bytes()?.or_else(|| self.no_body())
    }

    /// The body as bytes, if there is one.
    pub fn optional_bytes(&mut self) -> Option<Option<Bytes>> {
        match self.take_body() {
            Content::Bytes(bytes) => Some(Some(bytes)),
            _ => Some(None),
        }
    }

    /// The body, while it arrives.
    pub fn stream(&mut self) -> Option<BodyStream> {
        self.optional_stream()?.or_else(|| self.no_body())
    }

    /// The body while it arrives, if there is one.
    pub fn optional_stream(&mut self) -> Option<Option<BodyStream>> {
        match self.take_body() {
            Content::Stream(stream) => Some(Some(stream)),
            _ => Some(None),
        }
    }

    /// A body of several parts.
    pub fn form<T>(&mut self, rule: fn(Form<'r>, &mut Decoder) -> Option<T>) -> Option<T> {
        self.optional_form(rule)?.or_else(|| self.no_body())
    }

    /// A body of several parts, if there is one.
    pub fn optional_form<T>(&mut self, rule: fn(Form<'r>, &mut Decoder) -> Option<T>) -> Option<Option<T>> {
        self.at.enter(Place::Body);
        match self.take_body() {
            Content::Parts(parts) => rule(Form::new(parts, &mut self.at)?, &mut self.at).map(Some),
            _ => Some(None),
        }
    }

    /// A body of several parts that is held against a schema as a whole before it is decoded.
    pub fn checked_form<T>(
        &mut self,
        schema: &'static SchemaRef,
        rule: fn(Form<'r>, &mut Decoder) -> Option<T>,
    ) -> Option<T> {
        self.optional_checked_form(schema, rule)?.or_else(|| self.no_body())
    }

    /// Such a body, if there is one.
    pub fn optional_checked_form<T>(
        &mut self,
        schema: &'static SchemaRef,
        rule: fn(Form<'r>, &mut Decoder) -> Option<T>,
    ) -> Option<Option<T>> {
        self.at.enter(Place::Body);
        match self.take_body() {
            Content::Parts(parts) => {
                parts.checked(schema, &mut self.at, |parts, at| rule(Form::new(parts, at)?, at)).map(Some)
            }
            _ => Some(None),
        }
    }

    fn take_body(&mut self) -> Content<'r> {
        std::mem::replace(&mut self.body, Content::Absent)
    }

    fn no_body<T>(&mut self) -> Option<T> {
        self.at.enter(Place::Body);
        self.at.refuse("required", "A body is required.")
    }

    /// Rejects query parameters that the document does not have (`x-unknown-parameters: refuse`).
    pub(crate) fn close_query(&mut self) {
        let Some(known) = self.operation.query else { return };
        let unknown = self.query.unread().filter(|pair| !known.contains(&&*pair.name) && !pair.is_cache_buster());
        for pair in unknown {
            self.at.enter(Place::Query);
            let step = Step::Member(pair.name.clone().into_owned());
            self.at.within(step, |at| at.refuse::<()>("unknown_parameter", "Unknown parameter."));
        }
    }
}
