//! Requests that are written with the data they are about.

use contract::{OutgoingRequest, Problem};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use platform::http::Sender;
use platform::{Error, Result, sql};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::target;
use crate::webhooks::Webhooks;

/// Larger bodies are rejected.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Names and values of headers, together.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Headers that say how a request is sent, which is not for a document to say (RFC 9110, 7.6.1).
const OF_CONNECTION: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Webhooks {
    /// Puts a request into the table, in the transaction of the caller: it is sent if and only if that commits. `recipient`: the
    /// account that asked for it, whose quota and [secret](Webhooks::secret) it uses; 0: the operator.
    ///
    /// Tell of it after the commit ([`Webhooks::wake`]).
    ///
    /// # Errors
    /// 422 `webhook_url_not_allowed` when its URL can be seen to lead where requests may not go; 503 `webhook_backlog_full`
    /// when 10,000 wait for the recipient; 500 when the service made what cannot be sent: a body of more than 1 MiB, headers
    /// of more than 64 KiB or of a form that HTTP does not know. Those of the database.
    pub async fn put(&self, db: &mut PgConnection, recipient: i64, request: OutgoingRequest) -> Result<()> {
        const SQL: &str = sql!(
            "INSERT INTO webhook_deliveries (id, service, recipient, operation, host, method, url, headers, body, trace)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        );
        let url = target::parse(&request.url, self.0.targets).map_err(|why| {
            Error::from(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "webhook_url_not_allowed", why))
        })?;
        check(&request).map_err(|why| Error::internal(format!("{}: {why}", request.operation)))?;
        self.0.backlog.admit(db, self.0.service, recipient).await?;
        let trace = Sender::current().logged_trace().map(|trace| trace.to_string());
        let headers: Vec<String> = request.headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
        let insert = sqlx::query(SQL).bind(Uuid::now_v7()).bind(self.0.service).bind(recipient);
        let insert = insert.bind(request.operation).bind(target::host(&url)).bind(request.method);
        let insert = insert.bind(url.as_str()).bind(headers).bind(&*request.body).bind(trace);
        insert.execute(db).await?;
        Ok(())
    }
}

/// Whether a request can be sent as it is.
fn check(request: &OutgoingRequest) -> Result<(), String> {
    if request.body.len() > MAX_BODY_BYTES {
        return Err(format!("a body of {} bytes", request.body.len()));
    }
    let bytes: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(format!("headers of {bytes} bytes"));
    }
    Method::from_bytes(request.method.as_bytes()).map_err(|_| format!("the method {:?}", request.method))?;
    for (name, value) in &request.headers {
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("the name of the header {name:?}"))?;
        if OF_CONNECTION.contains(&known.as_str()) {
            return Err(format!("the header {name} is that of a connection"));
        }
        HeaderValue::from_bytes(value.as_bytes()).map_err(|_| format!("the value of the header {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)], body: usize) -> OutgoingRequest {
        OutgoingRequest {
            operation: "orderPaid",
            method: "POST",
            url: "https://example.com/".to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: vec![0; body].into(),
        }
    }

    #[test]
    fn what_cannot_be_sent_is_not_put() {
        check(&request(&[("content-type", "application/json"), ("X-Name", "Zoë")], MAX_BODY_BYTES))
            .expect("it can be sent");
        for (name, value) in [
            ("", "a"),
            ("a b", "a"),
            ("a\r\nb", "a"),
            ("x-a", "a\r\nx-b: c"),
            ("x-a", "a\0"),
            ("Host", "example.org"),
            ("content-length", "3"),
            ("Transfer-Encoding", "chunked"),
            ("x-long", &"a".repeat(MAX_HEADER_BYTES)),
        ] {
            check(&request(&[(name, value)], 0)).expect_err(name);
        }
        check(&request(&[], MAX_BODY_BYTES + 1)).expect_err("it is too large");
        check(&OutgoingRequest { method: "a b", ..request(&[], 0) }).expect_err("it is no method");
    }
}
