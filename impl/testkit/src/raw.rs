//! One exchange over a raw socket: bytes out, one parsed response back.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Answer;

/// The timeout of an exchange, above every deadline of a server.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends `request` and reads one response, which must have a length or end the connection.
///
/// # Panics
/// When there is none, or it is not HTTP.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(address).await.expect("the service listens");
    timeout(EXCHANGE_TIMEOUT, async {
        // A server may respond, and even close, before it has read everything.
        let _ = socket.write_all(request).await;
        read(&mut socket).await
    })
    .await
    .expect("an answer comes")
}

/// Reads one response.
///
/// # Panics
/// As [`exchange`].
pub async fn read(socket: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        if let Some(answer) = parse(&bytes, false) {
            return answer;
        }
        let mut piece = [0; 16 * 1024];
        match socket.read(&mut piece).await {
            Ok(0) => return parse(&bytes, true).unwrap_or_else(|| panic!("no answer: {}", lossy(&bytes))),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) => panic!("no answer: {error}, after {}", lossy(&bytes)),
        }
    }
}

/// The response, if it is complete; when the connection has ended, what was received of it.
pub fn parse(bytes: &[u8], ended: bool) -> Option<Answer> {
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok().and_then(|code| StatusCode::from_u16(code).ok())?;
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(':'))
        .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?)))
        .collect();
    let body = &bytes[end + 4..];
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if !ended && !bodiless && length.is_none_or(|length| body.len() < length) {
        return None;
    }
    let text = lossy(&body[..length.unwrap_or(body.len()).min(body.len())]);
    let json = serde_json::from_str(&text).unwrap_or_default();
    Some(Answer { status, headers, text, json })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
