//! The last resort: the machine's package manager. It is called for root only; other users get the command to type.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

/// Installs Postgres and Redis with the package manager.
pub(crate) fn install(notice: fn(&str)) -> Result<()> {
    let advice = "install Postgres (15 or newer) and Redis or Valkey, or Python 3 with pip, and start again";
    if Path::new("/usr/bin/apt-get").exists() {
        let packages = ["postgresql", "redis-server"];
        if !Uid::effective().is_root() {
            bail!("{advice}: sudo apt-get install {}", packages.join(" "));
        }
        notice("installing Postgres and Redis with apt-get");
        run(Command::new("apt-get").args(["-qq", "update"]))?;
        let mut install = Command::new("apt-get");
        install.args(["-qq", "-y", "--no-install-recommends", "install"]).args(packages);
        // Unless systemd is in charge, this keeps Debian's packages from starting services.
        run(install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1"))
    } else if let Some(brew) =
        ["/opt/homebrew/bin/brew", "/usr/local/bin/brew"].into_iter().find(|brew| Path::new(brew).exists())
    {
        notice("installing Postgres and Valkey with Homebrew");
        run(Command::new(brew).args(["install", "--quiet", "postgresql@18", "valkey"]))
    } else {
        bail!("{advice}");
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(())
}
