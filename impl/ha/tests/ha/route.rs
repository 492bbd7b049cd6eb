//! How services reach Postgres: `HA_ROUTE=haproxy` (the default), `session` or `transaction` (PgBouncer before HAProxy), `hosts` (every
//! machine in one URL, of which the writable one is chosen).

use std::sync::Arc;

use ha::{HaProxy, OWNER, PASSWORD, PgBouncer, PoolMode, PostgresCluster, Site};
use platform::privileges::{ROLES, role_of};
use testkit::process::ROLE_PASSWORD;

/// A route, and what is on it.
pub struct Route {
    /// HAProxy, by which the harness connects in any case.
    pub proxy: HaProxy,
    pooler: Option<PgBouncer>,
    hosts: Option<String>,
}

impl Route {
    /// The route that `HA_ROUTE` names.
    pub fn start(site: &Arc<Site>, cluster: &PostgresCluster) -> Self {
        let proxy = HaProxy::of_postgres(site, cluster).expect("HAProxy starts");
        let (mut pooler, mut hosts) = (None, None);
        let name = std::env::var("HA_ROUTE").unwrap_or_else(|_| "haproxy".to_owned());
        match &*name {
            "haproxy" => {}
            "session" => pooler = Some(Self::pooler(site, &proxy, PoolMode::Session, "pooler")),
            "transaction" => pooler = Some(Self::pooler(site, &proxy, PoolMode::Transaction, "pooler")),
            "hosts" => {
                let all: Vec<_> = cluster.nodes.iter().map(|node| node.postgres().to_string()).collect();
                hosts = Some(PostgresCluster::url(&all.join(",")) + "?target_session_attrs=read-write");
            }
            other => panic!("HA_ROUTE={other} is none of haproxy, session, transaction, hosts"),
        }
        println!("HA_ROUTE={name}");
        Self { proxy, pooler, hosts }
    }

    /// PgBouncer before HAProxy, with every role. Startup parameters that have no effect: what a service sends there it must not rely on.
    pub fn pooler(site: &Arc<Site>, proxy: &HaProxy, mode: PoolMode, name: &str) -> PgBouncer {
        let role = |(role, _): &(&str, _)| (role_of(OWNER, role), ROLE_PASSWORD.to_owned());
        let mut users: Vec<_> = ROLES.iter().map(role).collect();
        users.push((OWNER.to_owned(), PASSWORD.to_owned()));
        let ignored = "extra_float_digits,options";
        PgBouncer::start(site, name, (proxy.primary(), mode), &users, ignored).expect("PgBouncer starts")
    }

    /// The URL that services get.
    pub fn url(&self) -> String {
        let address = self.pooler.as_ref().map_or_else(|| self.proxy.primary(), PgBouncer::address);
        self.hosts.clone().unwrap_or_else(|| PostgresCluster::url(&address.to_string()))
    }

    /// The URL of the primary without a pooler.
    pub fn direct(&self) -> String {
        PostgresCluster::url(&self.proxy.primary().to_string())
    }

    /// Kills what is between services and Postgres, and starts it again.
    pub fn restart(&mut self) {
        match &mut self.pooler {
            Some(pooler) => pooler.restart().expect("PgBouncer starts"),
            None => self.proxy.restart().expect("HAProxy starts"),
        }
    }
}
