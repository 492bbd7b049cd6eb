//! The services of the system: their names, ports and documents.

use std::sync::LazyLock;

use clap::ValueEnum;

/// A service of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Users, projects, tasks
    Tasks,
    /// Products and orders
    Shop,
    /// The reservations of orders
    Worker,
    /// Page views
    Analytics,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Tasks, Self::Shop, Self::Analytics, Self::Worker];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Shop => "shop",
            Self::Worker => "worker",
            Self::Analytics => "analytics",
        }
    }

    /// The port deployed clients expect it on; a worker only tells there how it is.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Tasks => 8000,
            Self::Shop => 8001,
            Self::Analytics => 8002,
            Self::Worker => 8003,
        }
    }

    /// The setting of the gateway that says where its replicas are.
    pub(crate) fn upstreams(self) -> &'static str {
        match self {
            Self::Tasks => "TASKS_UPSTREAMS",
            Self::Shop => "SHOP_UPSTREAMS",
            Self::Analytics => "ANALYTICS_UPSTREAMS",
            Self::Worker => "WORKER_UPSTREAMS",
        }
    }

    /// That of what it serves: `info.version` of its document.
    pub(crate) fn version(self) -> String {
        let document: serde_json::Value = serde_json::from_str(self.document()).unwrap_or_default();
        document["info"]["version"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn document(self) -> &'static str {
        // It has no operations, only what every role has: health, metrics; and the version of the shop that it works for.
        static WORKER: LazyLock<String> = LazyLock::new(|| {
            let info = serde_json::json!({"title": "Worker", "version": Role::Shop.version()});
            serde_json::json!({"openapi": "3.0.3", "info": info, "servers": [{"url": "/"}], "paths": {}}).to_string()
        });
        match self {
            Self::Tasks => tasks::DOCUMENT,
            Self::Shop => shop::DOCUMENT,
            Self::Worker => &WORKER,
            Self::Analytics => analytics::DOCUMENT,
        }
    }
}
