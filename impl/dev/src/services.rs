//! The services there are, as their documents say (`generated/services.json`).

use std::sync::LazyLock;

use serde::Deserialize;

/// A service, or a background role of one.
#[derive(Debug)]
pub(crate) struct Service {
    /// Its name, and that of the server's command that runs it.
    pub(crate) name: String,
    /// The port it listens on unless told otherwise.
    pub(crate) port: u16,
    /// Its path at the gateway, without slashes; none of a background role.
    pub(crate) prefix: Option<String>,
}

/// Every service, each followed by its background roles.
pub(crate) static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| {
    let listed: Vec<Listed> = serde_json::from_str(include_str!("../../../generated/services.json"))
        .expect("generated/services.json is what openapi/generator/services.mjs writes");
    listed.into_iter().flat_map(Listed::processes).collect()
});

/// Those that the gateway passes requests on to.
pub(crate) fn behind_the_gateway() -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().filter(|service| service.prefix.is_some())
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    port: u16,
    prefix: String,
    background: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
    port: u16,
}

impl Listed {
    fn processes(self) -> impl Iterator<Item = Service> {
        let service = Service { name: self.name, port: self.port, prefix: Some(self.prefix) };
        let roles = self.background.into_iter().map(|Role { name, port }| Service { name, port, prefix: None });
        std::iter::once(service).chain(roles)
    }
}
