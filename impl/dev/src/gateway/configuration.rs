//! The configuration of nginx: the template, what it includes, and a value for each of its placeholders.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use backends::{Nginx, Njs};
use nix::unistd::{Gid, Group, Uid, User};
use platform::settings::{Bind, RateLimits};

use super::addresses::{Networks, Resolvers, Upstreams, collector, is_of_dns};
use super::args::GatewayArgs;
use crate::console::say;
use crate::services::Service;

const TEMPLATE: &str = include_str!("../../../../gateway/nginx.conf.template");
/// The first nginx whose upstreams look names up again (1.27.3, of which only the first two numbers are known).
const RESOLVES: (u32, u32) = (1, 28);
/// What the template includes, by the paths it includes it by.
const INCLUDED: [(&str, &str); 10] = [
    ("access-log.conf", include_str!("../../../../gateway/access-log.conf")),
    ("problems.conf", include_str!("../../../../gateway/problems.conf")),
    ("problem-headers.conf", include_str!("../../../../gateway/problem-headers.conf")),
    ("cors.js", include_str!("../../../../gateway/cors.js")),
    ("traces.js", include_str!("../../../../gateway/traces.js")),
    ("kept-answers.js", include_str!("../../../../gateway/kept-answers.js")),
    ("generated/kept-answers.conf", include_str!("../../../../generated/gateway/kept-answers.conf")),
    ("generated/routes.conf", include_str!("../../../../generated/gateway/routes.conf")),
    ("generated/operations.conf", include_str!("../../../../generated/gateway/operations.conf")),
    ("generated/index.html", include_str!("../../../../generated/gateway/index.html")),
];

/// Writes the configuration, without what this nginx cannot do and what is turned off.
pub(super) fn write(args: &GatewayArgs, nginx: &Nginx, dir: &Path, scripts: bool) -> Result<()> {
    let configuration = render(TEMPLATE, &values(args, nginx, dir)?)?;
    fs::create_dir_all(dir.join("generated"))
        .and_then(|()| fs::create_dir_all(dir.join("temp")))
        .with_context(|| format!("cannot create directories in {}", dir.display()))?;
    let mut left_out = Vec::new();
    if args.rate_limits == RateLimits::Off {
        left_out.extend(["limit_req ", "limit_conn "]);
    }
    if !scripts {
        left_out.extend(["load_module ", "js_", "include generated/kept-answers.conf;"]);
    }
    for (name, text) in INCLUDED.into_iter().chain([("nginx.conf", configuration.as_str())]) {
        let path = dir.join(name);
        let text = if name.ends_with(".conf") { without(text, &left_out) } else { text.to_owned() };
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A value for each placeholder of the template.
fn values(args: &GatewayArgs, nginx: &Nginx, dir: &Path) -> Result<Vec<(&'static str, String)>> {
    let mut flags = String::new();
    let mut tls = String::new();
    if let Some([certificate, key]) = args.tls.files()? {
        let (certificate, key) = (quotable(&certificate)?, quotable(&key)?);
        // The old way of asking for HTTP/2 is deprecated where there is the new one.
        let separate = nginx.version >= (1, 26);
        flags.push_str(if separate { " ssl" } else { " ssl http2" });
        let http2 = if separate { "http2 on; " } else { "" };
        write!(tls, "{http2}ssl_certificate \"{certificate}\"; ssl_certificate_key \"{key}\";")?;
        if let Some(authorities) = args.tls.client_ca()? {
            // Optional: which operations require one is for their documents to say.
            let authorities = quotable(&authorities)?;
            write!(tls, " ssl_client_certificate \"{authorities}\"; ssl_verify_client optional;")?;
        }
    }
    let Networks(proxies) = &args.trusted_proxies;
    let mut real_ip: String = proxies.iter().map(|network| format!("set_real_ip_from {network}; ")).collect();
    if !proxies.is_empty() {
        real_ip.push_str("real_ip_header X-Forwarded-For; real_ip_recursive on;");
    }
    let Networks(internal) = &args.internal_networks;
    let origins = args.backend_cors_origins.0.join(",");
    ensure!(
        !origins.contains(['\'', '\\', '$', '\n']),
        "BACKEND_CORS_ORIGINS has characters that are not allowed in an origin: {origins}"
    );
    let (resolver, is_resolved) = resolver(args, nginx);
    let is_resolved = |host: &str| is_resolved && is_of_dns(host);
    Ok(vec![
        // The one of the wheels has njs built in; a distribution's finds the module that belongs to it.
        ("GATEWAY_MODULES", load_module(nginx.njs.as_ref())?),
        ("GATEWAY_USER", user()?),
        ("GATEWAY_WORKERS", args.workers.clone()),
        ("GATEWAY_TEMP", quotable(&dir.join("temp"))?.to_owned()),
        ("GATEWAY_LOG", quotable(&std::path::absolute(&args.log)?)?.to_owned()),
        ("GATEWAY_REAL_IP", real_ip),
        ("GATEWAY_INTERNAL_NETWORKS", internal.iter().map(|network| format!("{network} 1; ")).collect()),
        ("GATEWAY_RESOLVER", resolver),
        ("GATEWAY_UPSTREAMS", args.replicas.0.iter().map(|replicas| upstream(replicas, is_resolved)).collect()),
        ("GATEWAY_LISTEN", listen(&args.exposure.bind_address, args.port, &flags)),
        ("GATEWAY_TLS", tls),
        (
            "GATEWAY_HSTS",
            if args.tls.hsts_seconds == 0 { String::new() } else { format!("max-age={}", args.tls.hsts_seconds) },
        ),
        ("GATEWAY_CORS_ORIGINS", origins),
        ("GATEWAY_OTLP", collector(&args.traces)?),
        ("GATEWAY_TRACES_RATIO", args.traces.otel_traces_sampler_arg.to_string()),
    ])
}

/// The directive by which nginx looks the names of replicas up again, and whether it does: names move when a replica is replaced. Older
/// ones look them up once, at the start, as do all where nobody can be asked.
fn resolver(args: &GatewayArgs, nginx: &Nginx) -> (String, bool) {
    let names = args.replicas.0.iter().flat_map(|(_, upstreams)| upstreams.hosts()).any(is_of_dns);
    if !names {
        return (String::new(), false);
    }
    let given = if args.resolver.0.is_empty() { Resolvers::of_machine() } else { args.resolver.clone() };
    if nginx.version < RESOLVES || given.0.is_empty() {
        say("names of replicas are looked up once: this needs nginx 1.28 and a DNS server (GATEWAY_RESOLVER)");
        return (String::new(), false);
    }
    (format!("resolver {} valid=5s;", given.0.join(" ")), true)
}

/// A service's replicas. The services close connections that are idle for five seconds; a request must not be sent into that.
fn upstream((service, upstreams): &(&Service, Upstreams), resolve: impl Fn(&str) -> bool) -> String {
    let (name, servers) = (&service.name, upstreams.servers(resolve));
    format!(
        "upstream {name} {{ zone {name} 128k; least_conn; {servers} keepalive 64; keepalive_requests 100000; keepalive_timeout 4s; }}\n"
    )
}

/// What follows `listen`, which is written once for each address.
fn listen(bind: &Bind, port: u16, flags: &str) -> String {
    let one = |address: SocketAddr| {
        let both = if address.ip() == Ipv6Addr::UNSPECIFIED { " ipv6only=off" } else { "" };
        format!("{address}{both}{flags}")
    };
    bind.at(port).into_iter().map(one).collect::<Vec<_>>().join("; listen ")
}

/// Root's nginx would have its workers be somebody who may be unable to enter the folder. They stay who we are, as the
/// services do; who wants them to be less starts all of it as somebody else.
fn user() -> Result<String> {
    if !Uid::effective().is_root() {
        return Ok(String::new());
    }
    let user = User::from_uid(Uid::effective())?.context("root has a name")?;
    let group = Group::from_gid(Gid::effective())?.context("root's group has a name")?;
    Ok(format!("user {} {};", user.name, group.name))
}

fn load_module(njs: Option<&Njs>) -> Result<String> {
    let Some(Njs::Module(file)) = njs else { return Ok(String::new()) };
    Ok(format!("load_module \"{}\";", quotable(file)?))
}

/// A path that can stand between quotes in the configuration.
fn quotable(path: &Path) -> Result<&str> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    ensure!(!text.contains(['"', '\\', '$', '\n']), "{text} has characters that are not supported in a path");
    Ok(text)
}

/// The template with its placeholders filled in, as envsubst does it.
fn render(template: &str, values: &[(&str, String)]) -> Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    match text.split_once("${GATEWAY_") {
        None => Ok(text),
        Some((_, rest)) => bail!("unknown placeholder GATEWAY_{}", rest.split('}').next().unwrap_or_default()),
    }
}

/// A configuration without the directives that start so; each has a line of its own.
fn without(configuration: &str, directives: &[&str]) -> String {
    let stays = |line: &&str| !directives.iter().any(|start| line.trim_start().starts_with(start));
    configuration.split_inclusive('\n').filter(stays).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_without_a_value_is_an_error() {
        let values = [("GATEWAY_A", "1".to_owned())];
        assert_eq!(render("a ${GATEWAY_A} $host", &values).unwrap(), "a 1 $host");
        assert!(render("${GATEWAY_A} ${GATEWAY_B}", &values).unwrap_err().to_string().contains("GATEWAY_B"));
    }
}
