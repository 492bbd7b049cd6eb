//! The trace span of a request.

use contract::{Operation, RequestId};
use http::{Method, StatusCode};
use platform_telemetry::traces::Attribute;

/// Service, name, whether it failed, and attributes of the span of a request.
pub(super) fn of_request(
    service: &str,
    method: &Method,
    operation: Option<&'static Operation>,
    label: &'static str,
    (status, id): (StatusCode, &RequestId),
) -> (String, String, bool, Vec<(&'static str, Attribute)>) {
    let route = operation.map(|operation| operation.path);
    let name = format!("{method} {}", route.unwrap_or(label));
    let mut attributes = vec![
        ("http.request.method", Attribute::Text(method.to_string())),
        ("http.response.status_code", Attribute::Number(status.as_u16().into())),
        ("operation.id", Attribute::Text(label.to_owned())),
        ("request.id", Attribute::Text(id.0.to_string())),
    ];
    attributes.extend(route.map(|route| ("http.route", Attribute::Text(route.to_owned()))));
    (service.to_owned(), name, status.is_server_error(), attributes)
}
