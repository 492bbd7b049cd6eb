//! `dev up`: the whole system, started, hurt, stopped and started again.

mod system;

use std::collections::HashMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use services::SERVICES;
use testkit::documents::is_served;

use system::{Up, command, eventually, pid, somewhere};

#[test]
fn serves_mends_what_dies_stops_and_starts_again() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let first = Up::start(dir.path(), &ports, &[], &HashMap::new());
    assert_eq!((first.log_in("admin@example.com", "admin"), first.log_in("user@example.com", "wrong")), (200, 400));

    let service = format!("server {}", SERVICES[0].name);
    let process = first.children().into_iter().find(|(_, line)| line.contains(&service)).unwrap().0;
    kill(process, Signal::SIGKILL).unwrap();
    eventually("the service answers again", || first.is_ready());
    assert!(first.is_open());
    let gateway = first.children().into_iter().find(|(_, line)| line.contains("nginx")).unwrap().0;
    kill(gateway, Signal::SIGKILL).unwrap();
    eventually("the gateway is there again", || {
        first.children().iter().any(|(other, line)| line.contains("nginx") && *other != gateway) && first.is_open()
    });
    let postgres = fs::read_to_string(dir.path().join("postgres/postmaster.pid")).unwrap();
    kill(pid(postgres.lines().next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
    eventually("Postgres and the service answer again", || {
        first.is_ready() && first.log_in("admin@example.com", "admin") == 200
    });
    let env = first.env.clone();
    first.stop(Signal::SIGINT);
    assert!(!dir.path().join("env").exists(), "nobody may think it still runs");

    // As in a shell that sourced the first run's file.
    let second = Up::start(dir.path(), &ports, &[], &env);
    assert_eq!(second.env, env);
    second.stop(Signal::SIGTERM);

    let production = Up::start(dir.path(), &ports, &["--production"], &HashMap::new());
    assert_eq!(production.log_in("admin@example.com", "admin"), 400);
    production.stop(Signal::SIGTERM);
}

#[test]
fn serves_with_several_of_each_behind_the_gateway() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let up = Up::start(dir.path(), &ports, &["--replicas", "2", "--workers", "2"], &HashMap::new());
    let count = |role: &str| up.children().iter().filter(|(_, line)| line.contains(&format!("server {role}"))).count();
    assert!(SERVICES.iter().all(|service| count(service.name) == 2));
    if is_served("analytics") {
        one_visitor_by_the_gateway(&up);
    }
    up.stop(Signal::SIGTERM);
}

/// Forged by a client; the services take the gateway's word for it, and so these are one visitor.
fn one_visitor_by_the_gateway(up: &Up) {
    let view = r#"{"path": "/up"}"#;
    for forged in ["6.6.6.6", "7.7.7.7"] {
        let head =
            "POST /p3/api/p3/page-views HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: application/json";
        let request = format!("{head}\r\nX-Forwarded-For: {forged}\r\nContent-Length: {}\r\n\r\n{view}", view.len());
        assert_eq!(up.ask_at("GATEWAY_URL", &request).0, 201);
    }
    // Through the gateway it is another address than that of one who comes to the service itself as somebody else.
    let direct =
        "POST /api/p3/page-views HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: application/json";
    let request = format!("{direct}\r\nX-Forwarded-For: 8.8.8.8\r\nContent-Length: {}\r\n\r\n{view}", view.len());
    assert_eq!(up.ask_at("ANALYTICS_URL", &request).0, 201);
    let uniques = "GET /p3/api/p3/analytics/uniques HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    eventually("two visitors are counted", || up.ask_at("GATEWAY_URL", uniques).1.contains("\"visitors\":2"));
}

#[test]
fn without_a_gateway_nothing_is_in_front() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let _taken = TcpListener::bind(("127.0.0.1", ports[SERVICES.len()])).unwrap();
    let up = Up::start(dir.path(), &ports, &["--no-gateway"], &HashMap::new());
    assert!(!up.env.contains_key("GATEWAY_URL"));
    assert!(up.children().iter().all(|(_, line)| !line.contains("nginx")));
    assert!(up.is_ready());
}

#[test]
fn a_taken_port_is_told_before_anything_starts() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let last = SERVICES.len() - 1;
    let _taken = TcpListener::bind(("127.0.0.1", ports[last])).unwrap();
    let output = command(dir.path(), &ports, &[]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains(&ports[last].to_string()) && said.contains(&format!("--{}-port", SERVICES[last].name)),
        "{said}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was made");
}

#[test]
fn this_machine_is_reached_by_either_family() {
    let (dir, ports) = somewhere();
    let up = Up::start(dir.path(), &ports, &[], &HashMap::new());
    for port in ports {
        for address in ["127.0.0.1", "::1"] {
            // A machine without IPv6 has no such address.
            if TcpListener::bind((address, 0)).is_ok() {
                TcpStream::connect((address, port)).unwrap_or_else(|error| panic!("{address} {port}: {error}"));
            }
        }
    }
    up.stop(Signal::SIGTERM);
}

#[test]
fn a_development_does_not_leave_this_machine() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let output = command(dir.path(), &ports, &["--bind", "0.0.0.0"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("PUBLIC_DEVELOPMENT"), "{said}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was made");
    let flags = ["--bind", "0.0.0.0", "--public-development", "--no-gateway"];
    let public = Up::start(dir.path(), &ports, &flags, &HashMap::new());
    assert_eq!(public.log_in("admin@example.com", "admin"), 400);
    drop(public);
}

#[test]
fn a_development_listens_on_this_machine_only() {
    for command in ["up", "gateway"] {
        let public = [("ENVIRONMENT", "development"), ("BIND_ADDRESS", "0.0.0.0")];
        let mut dev = Command::new(env!("CARGO_BIN_EXE_dev"));
        dev.env_clear().current_dir(env!("CARGO_TARGET_TMPDIR")).arg(command).envs(public);
        let output = dev.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("PUBLIC_DEVELOPMENT"), "{command}: {said}");
    }
}
