//! A machine of a Postgres cluster: Patroni, its Postgres, and the network between them and everybody else.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use backends::process::{self, Signal};
use backends::{Daemon, free_port};
use nix::sys::signal::kill;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use testkit::{Fault, FaultProxy};
use tokio::time::timeout;

use crate::cluster_plan::{ClusterPlan, PASSWORD};
use crate::etcd::Etcd;
use crate::patroni::{Parts, configuration};
use crate::site::Site;

/// The size of each machine's disk, when it has one of its own.
const DISK_MIB: usize = 400;
/// The timeout of a poll.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// One machine.
pub struct Node {
    /// Its name in Patroni.
    pub name: String,
    folder: PathBuf,
    disk: PathBuf,
    postgres: FaultProxy,
    rest: FaultProxy,
    etcd: Vec<FaultProxy>,
    patroni: Daemon,
    site: Arc<Site>,
}

impl Node {
    pub(crate) async fn start(site: &Arc<Site>, name: &str, etcd: &Etcd, plan: &ClusterPlan) -> Result<Self> {
        let folder = site.folder(name)?;
        let disk = site.disk(&folder, DISK_MIB)?;
        let address = || Ok::<_, anyhow::Error>(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)));
        let own = [address()?, address()?];
        let (postgres, rest) = (proxy(own[0]).await, proxy(own[1]).await);
        let mut to_etcd = Vec::new();
        for member in etcd.addresses() {
            to_etcd.push(proxy(member).await);
        }
        let parts = Parts {
            name,
            own,
            advertised: [postgres.address(), rest.address()],
            etcd: to_etcd.iter().map(|proxy| proxy.address().to_string()).collect(),
            folder: &folder,
            data: &disk.join("data"),
            programs: site.programs.postgres(),
        };
        site.write(&folder.join("patroni.yml"), &configuration(&parts, plan).to_string())?;
        let mut command = site.programs.patroni();
        command.arg("patroni.yml");
        let patroni = site.start(name, &folder, command)?;
        let site = Arc::clone(site);
        Ok(Self { name: name.to_owned(), folder, disk, postgres, rest, etcd: to_etcd, patroni, site })
    }

    /// Where everybody reaches its Postgres.
    pub fn postgres(&self) -> SocketAddr {
        self.postgres.address()
    }

    /// Where everybody reaches the REST interface of its Patroni.
    pub fn rest(&self) -> SocketAddr {
        self.rest.address()
    }

    /// Kills Patroni and Postgres with SIGKILL, as when the machine loses its power.
    ///
    /// # Errors
    /// When a process cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL);
        self.patroni.kill()
    }

    /// Starts Patroni, which starts Postgres, after [`Node::kill`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn revive(&mut self) -> Result<()> {
        let mut command = self.site.programs.patroni();
        command.arg("patroni.yml");
        self.patroni.respawn(Site::inside(&self.folder, command))
    }

    /// Suspends every process of the machine (SIGSTOP): connections stay open, and nothing responds.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Ends [`Node::freeze`].
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Twice, because of processes that are started meanwhile.
    fn signal(&self, signal: Signal) {
        for _ in 0..2 {
            for process in process::below(&self.folder) {
                // It may have ended by now.
                let _ = kill(process, signal);
            }
        }
    }

    /// Cuts it off: nothing passes between it and clients, replicas, Patroni's peers and etcd, and no connection is reset.
    pub fn cut_off(&self) {
        self.network(Fault::Blackhole);
    }

    /// Ends [`Node::cut_off`].
    pub fn reconnect(&self) {
        self.network(Fault::Pass);
    }

    /// What its network does to all that passes.
    pub fn network(&self, fault: Fault) {
        self.etcd.iter().chain([&self.postgres, &self.rest]).for_each(|proxy| proxy.set(fault));
    }

    /// What the connections from others to its Postgres bear.
    pub fn postgres_network(&self, fault: Fault) {
        self.postgres.set(fault);
    }

    /// Fills its disk, to the last byte.
    ///
    /// # Errors
    /// When it has none of its own ([`Site::has_disks`]).
    pub fn fill_disk(&self) -> Result<()> {
        anyhow::ensure!(Site::has_disks(), "only root can give a machine a disk of its own");
        let mut ballast = File::create(self.disk.join("ballast"))?;
        let mut size = 1 << 20;
        let zeros = vec![0; size];
        while size > 0 {
            if ballast.write_all(&zeros[..size]).is_err() {
                size /= 2;
            }
        }
        Ok(())
    }

    /// Ends [`Node::fill_disk`].
    ///
    /// # Errors
    /// When the ballast cannot be removed.
    pub fn free_disk(&self) -> Result<()> {
        fs::remove_file(self.disk.join("ballast")).context("the disk was not filled")
    }

    /// A connection of the superuser to a database, through the machine's network.
    ///
    /// # Errors
    /// When the machine does not respond within two seconds.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.postgres().port());
        let options = options.username("postgres").password(PASSWORD).database(database).disable_statement_logging();
        Ok(timeout(POLL_TIMEOUT, PgConnection::connect_with(&options)).await??)
    }

    /// Whether it accepts a write now, and the standbys that a commit waits for confirm it.
    pub async fn accepts_writes(&self) -> bool {
        let write = async {
            let mut connection = self.connect("postgres").await?;
            let write = "INSERT INTO probe DEFAULT VALUES";
            timeout(POLL_TIMEOUT, sqlx::query(write).execute(&mut connection)).await??;
            anyhow::Ok(())
        };
        write.await.is_ok()
    }
}

async fn proxy(target: SocketAddr) -> FaultProxy {
    FaultProxy::start(&format!("tcp://{target}")).await
}
