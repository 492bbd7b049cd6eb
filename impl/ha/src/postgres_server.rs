//! One Postgres without a cluster, with or without TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use backends::free_port;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::attempts::output;
use crate::certificates::Certificates;
use crate::cluster_plan::{OWNER, PASSWORD};
use crate::listening::Listening;
use crate::site::Site;
use crate::until;

/// The timeout of its start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running Postgres, with an empty database `app` of the role [`OWNER`].
pub struct PostgresServer {
    server: Listening,
}

impl PostgresServer {
    /// Starts it. With certificates it accepts clients over TLS only.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(site: &Arc<Site>, name: &str, certificates: Option<&Certificates>) -> Result<Self> {
        let (folder, port) = (site.folder(name)?, free_port()?);
        let (data, bin) = (folder.join("data"), site.programs.postgres());
        let mut initdb = site.programs.identity.command(bin.join("initdb"));
        initdb.arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--lc-ctype=C.UTF-8",
            "--no-sync",
        ]);
        output(initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]).current_dir(&folder))?;
        let mut settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\ntimezone = 'UTC'\n",
            folder.display()
        );
        if let Some(certificates) = certificates {
            site.write(&folder.join("server.crt"), &certificates.server)?;
            site.write(&folder.join("server.key"), &certificates.key)?;
            settings.push_str("ssl = on\nssl_cert_file = '../server.crt'\nssl_key_file = '../server.key'\n");
            site.write(&data.join("pg_hba.conf"), "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")?;
        }
        site.write(&data.join("postgresql.auto.conf"), &settings)?;
        let server = Listening::start(site, name, folder, (Ipv4Addr::LOCALHOST, port).into(), command)?;
        let server = Self { server };
        until("Postgres accepts connections", START_TIMEOUT, async || server.superuser().await.is_ok()).await?;
        let mut superuser = server.superuser().await?;
        let role = format!("CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'");
        for sql in [role, format!("CREATE DATABASE app OWNER {OWNER}")] {
            superuser.execute(AssertSqlSafe(sql)).await?;
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// A connection of the superuser, by its socket.
    ///
    /// # Errors
    /// When it does not respond.
    pub async fn superuser(&self) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().socket(&self.server.folder).port(self.address().port());
        PgConnection::connect_with(&options.username("postgres").database("postgres")).await
    }
}

fn command(site: &Site) -> Result<Command> {
    let mut command = site.programs.identity.command(site.programs.postgres().join("postgres"));
    command.args(["-D", "data"]);
    Ok(command)
}
