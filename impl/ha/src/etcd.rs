//! etcd: what Patroni agrees in.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use backends::{Daemon, free_port};
use futures_util::future::join_all;

use crate::site::Site;

/// One server of etcd, or three.
pub struct Etcd {
    members: Vec<Member>,
    site: Arc<Site>,
}

struct Member {
    name: String,
    client: u16,
    peer: u16,
    folder: PathBuf,
    daemon: Option<Daemon>,
}

impl Etcd {
    /// Starts it and waits until it has a leader.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(site: &Arc<Site>, count: usize) -> Result<Self> {
        let member = |n| {
            let name = format!("etcd-{n}");
            let folder = site.folder(&name)?;
            Ok(Member { name, client: free_port()?, peer: free_port()?, folder, daemon: None })
        };
        let members = (1..=count).map(member).collect::<Result<_>>()?;
        let mut etcd = Self { members, site: Arc::clone(site) };
        etcd.run().await?;
        Ok(etcd)
    }

    /// The address of each server for clients.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| (Ipv4Addr::LOCALHOST, member.client).into()).collect()
    }

    /// Kills every server and starts them again, with their data; returns when there is a leader.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> Result<()> {
        for daemon in self.members.iter_mut().filter_map(|member| member.daemon.as_mut()) {
            daemon.kill()?;
        }
        self.run().await
    }

    async fn run(&mut self) -> Result<()> {
        let peer = |member: &Member| format!("{}=http://127.0.0.1:{}", member.name, member.peer);
        let cluster: Vec<_> = self.members.iter().map(peer).collect();
        for member in &mut self.members {
            let command = member.command(&self.site, &cluster.join(","))?;
            match &mut member.daemon {
                Some(daemon) => daemon.respawn(Site::inside(&member.folder, command))?,
                None => member.daemon = Some(self.site.start(&member.name, &member.folder, command)?),
            }
        }
        let urls: Vec<_> = self.addresses().iter().map(|address| format!("http://{address}/health")).collect();
        let healthy = async || {
            let answers = join_all(urls.iter().map(|url| async move {
                let answer = reqwest::get(url).await.ok()?;
                answer.text().await.ok()
            }));
            answers.await.iter().all(|answer| answer.as_ref().is_some_and(|text| text.contains("true")))
        };
        crate::until("etcd has a leader", Duration::from_secs(30), healthy).await.context("etcd")
    }
}

impl Member {
    fn command(&self, site: &Site, cluster: &str) -> Result<Command> {
        let (client, peer) = (format!("http://127.0.0.1:{}", self.client), format!("http://127.0.0.1:{}", self.peer));
        let mut command = site.programs.command("etcd")?;
        command.args(["--name", &self.name, "--data-dir", "data", "--initial-cluster", cluster]);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        Ok(command)
    }
}
