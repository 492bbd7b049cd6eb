//! A service of the demo operations, called over HTTP.

use http::Method;
use platform::http::{Description, Readiness};
use testkit::{Answer, TestServer};

use crate::demo;

pub(crate) fn start(flags: &[&str]) -> TestServer {
    let description = Description { service: "demo".into(), version: "1.2.3".into(), document: demo::DOCUMENT };
    TestServer::start(description, demo::router(), Readiness::default(), flags)
}

pub(crate) async fn ask(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let client = server.client();
    let request =
        headers.iter().fold(client.request(method, path), |request, (name, value)| request.header(*name, *value));
    client.send(request).await
}
