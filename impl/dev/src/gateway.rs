//! The gateway role: nginx, with a configuration made of the template in `gateway/`, of what the documents say
//! (`generated/gateway/`), and of the settings here. This process becomes nginx.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, anyhow};
use backends::Nginx;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::console::say;
use crate::port;
use configuration::write;

pub(crate) use addresses::Upstreams;
pub(crate) use args::{GatewayArgs, PORT, TlsArgs};

mod addresses;
mod args;
mod configuration;

/// Writes the configuration and becomes nginx.
pub(crate) fn run(args: &GatewayArgs) -> Result<ExitCode> {
    args.exposure.effective()?;
    let nginx = match &args.nginx {
        Some(program) => Nginx::at(program)?,
        None => Nginx::find(args.backends, &args.wheels, say)?,
    };
    let dir = std::path::absolute(&args.dir)?;
    let command = || {
        let mut command = Command::new(&nginx.program);
        // A prefix without the slash would be glued to the file's name.
        command.args(["-e", "stderr", "-p"]).arg(dir.join("")).args(["-c", "nginx.conf", "-g", "daemon off;"]);
        // By which nginx hands itself sockets over.
        command.env_remove("NGINX");
        command
    };
    let scripts = nginx.njs.is_some() && {
        write(args, &nginx, &dir, true)?;
        command().args(["-t", "-q"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !scripts {
        write(args, &nginx, &dir, false)?;
        say(
            "this nginx has no njs 0.8.6: responses are not cached, traces are not exported, and error responses of the gateway have no CORS headers",
        );
    }
    if args.check {
        let status = command().arg("-t").status()?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    port::check(&args.exposure.bind_address, args.port)
        .map_err(|why| anyhow!("port {} {why}; choose another one for the gateway with --port", args.port))?;
    // Every client is two files. What cannot be raised stays.
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    Err(command().exec()).with_context(|| format!("cannot run {}", nginx.program.display()))
}
