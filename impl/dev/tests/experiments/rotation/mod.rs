//! Keys of tokens are replaced under load, by writing files only: no request is rejected, in whatever order processes read them.

mod secrets;
mod visitors;

use std::time::Duration;

use testkit::Client;
use testkit::ed25519::{OTHER_PRIVATE, OTHER_PUBLIC, PRIVATE, PUBLIC};
use testkit::process::Process;
use testkit::system::{Plan, System};
use tokio::time::{Instant, sleep};

use crate::rotation::secrets::Secrets;
use crate::rotation::visitors::{PATHS, Visitors, kid};

/// How long all processes may take to know what their files have, on a busy machine.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
/// Kubernetes brings a secret to one machine after the other.
const BETWEEN_PROCESSES: Duration = Duration::from_millis(300);
const ROLES: [&str; 4] = ["tasks", "tasks", "shop", "analytics"];

const OLD: &str = "an old key of this experiment, long enough for HS256";
const NEW: &str = "a new key of this experiment, long enough for HS256";

/// What the files of a process have in the steps of a rotation: the old key; the new one is known; it signs; the old one is gone.
type Steps = fn(role: &str) -> [Vec<(&'static str, String)>; 4];

fn one_secret(_: &str) -> [Vec<(&'static str, String)>; 4] {
    let keys = [OLD.to_owned(), format!("{OLD}\n{NEW}\n"), format!("{NEW}\n{OLD}\n"), format!("{NEW}\n")];
    keys.map(|keys| vec![("SECRET_KEY", keys)])
}

fn key_pairs(role: &str) -> [Vec<(&'static str, String)>; 4] {
    let both = [PUBLIC, OTHER_PUBLIC].concat();
    let public = [PUBLIC, &both, &both, OTHER_PUBLIC];
    let private = [PRIVATE, PRIVATE, OTHER_PRIVATE, OTHER_PRIVATE];
    let signs = role == "tasks";
    std::array::from_fn(|step| {
        let private = ("TOKEN_PRIVATE_KEY", private[step].to_owned());
        Some(private).filter(|_| signs).into_iter().chain([("TOKEN_PUBLIC_KEYS", public[step].to_owned())]).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_key_refuses_nobody() {
    let rotation = Rotation::start("secret_key", one_secret, &[]).await;
    rotation.run(&ROLES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_pair_refuses_nobody_where_one_service_signs() {
    let rotation = Rotation::start("key_pairs", key_pairs, &[("ALGORITHM", "EdDSA")]).await;
    for (role, login, _) in &PATHS[1..] {
        let process = rotation.processes.iter().find(|(its, ..)| its == role).expect("it runs");
        let form = [("username", "user@example.com"), ("password", "user")];
        let refused = Client::new(process.1.url()).form(login, &form).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json["code"].as_str()),
            (400, Some("unsupported_grant_type")),
            "{refused:?}"
        );
        assert_eq!(refused.json["error"], "unsupported_grant_type", "as OAuth has it");
        assert!(process.1.log().contains("there is no TOKEN_PRIVATE_KEY"), "{}", process.1.tail());
    }
    rotation.run(&["tasks", "tasks"]).await;
}

struct Rotation {
    processes: Vec<(&'static str, Process, Secrets)>,
    steps: Steps,
    _system: System,
}

impl Rotation {
    async fn start(name: &'static str, steps: Steps, environment: &[(&str, &str)]) -> Self {
        let plan = Plan { environment: &[("RATE_LIMITS", "off")], ..Plan::new(name) };
        let system = System::start(&plan).await;
        let mut processes = Vec::new();
        for (number, role) in ROLES.into_iter().enumerate() {
            let secrets = Secrets::new(&steps(role)[0]);
            let mut process = system.process(role, &format!("{role}-{number}"), environment);
            for (variable, path) in secrets.variables() {
                // Both would have to be the same.
                process.set(variable.trim_end_matches("_FILE"), "");
                process.set(&variable, &path);
            }
            process.start();
            processes.push((role, process, secrets));
        }
        for (_, process, _) in &mut processes {
            process.ready().await;
        }
        Self { processes, steps, _system: system }
    }

    async fn run(mut self, issuers: &[&str]) {
        let urls = self.processes.iter().map(|(role, process, _)| (*role, process.url())).collect();
        let visitors = Visitors::start(urls, issuers.len()).await;
        visitors.more().await;
        let old = visitors.token().await;
        self.step(1).await;
        self.all_have(2, &kid(&old)).await;
        visitors.more().await;
        assert_eq!(visitors.kids(), [kid(&old)], "the new key is known, and signs nothing yet");
        self.step(2).await;
        self.all_have(2, "").await;
        let new = visitors.token().await;
        assert_ne!(kid(&old), kid(&new));
        visitors.more().await;
        assert_eq!(visitors.kids().len(), 2, "tokens of both are in use");
        self.write_a_bad_file(&visitors).await;
        // What waiting for the lifetime of tokens comes to.
        visitors.log_in_again(&kid(&new)).await;
        self.step(3).await;
        self.all_have(1, "").await;
        visitors.more().await;
        for (role, process, _) in &self.processes {
            let (_, _, me) = PATHS.iter().find(|(its, ..)| its == role).expect("it is one of them");
            let client = Client::new(process.url());
            let refused = client.with_token(&*old).get(me).await;
            assert_eq!(
                (refused.status.as_u16(), refused.json["code"].as_str()),
                (401, Some("invalid_token")),
                "{role}"
            );
            let challenge = refused.headers.get("www-authenticate").and_then(|value| value.to_str().ok());
            assert!(
                challenge.is_some_and(|text| text.starts_with("Bearer ") && text.contains("invalid_token")),
                "{challenge:?}"
            );
            assert_eq!(client.with_token(&*new).get(me).await.status, 200, "{role}");
        }
        let (requests, logins) = visitors.stop().await;
        eprintln!("{requests} requests and {logins} logins, none of them refused");
        for (_, process, _) in &mut self.processes {
            assert!(!process.is_gone(), "nothing was restarted: {}", process.tail());
        }
    }

    /// Brings what the files have in a step to one process after the other.
    async fn step(&mut self, step: usize) {
        for (role, _, secrets) in &mut self.processes {
            secrets.write(&(self.steps)(role)[step]);
            sleep(BETWEEN_PROCESSES).await;
        }
    }

    /// Waits until all processes accept so many keys, of which one signs, if any (`signer`, if it is known which).
    async fn all_have(&self, keys: usize, signer: &str) {
        let deadline = Instant::now() + KNOWN_WITHIN;
        for (role, process, _) in &self.processes {
            loop {
                let metrics = Client::new(process.url()).get("/metrics").await.text;
                let known: Vec<_> = metrics.lines().filter(|line| line.starts_with("access_token_key{")).collect();
                let signs = known.iter().find(|line| line.contains(r#"signs="true""#));
                if known.len() == keys && signs.is_none_or(|line| line.contains(signer)) {
                    break;
                }
                assert!(Instant::now() < deadline, "{role} has {known:?}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// An empty file, and a key where another belongs: the keys before stay, and it is told.
    async fn write_a_bad_file(&mut self, visitors: &Visitors) {
        let (role, process, secrets) = &mut self.processes[2];
        let good = (self.steps)(role)[2].clone();
        let other = if good[0].0 == "SECRET_KEY" { PUBLIC } else { PRIVATE };
        for (bad, why) in [("", "it is empty"), (other, good[0].0)] {
            secrets.write(&[(good[0].0, bad.to_owned())]);
            let rejected = |metrics: &str| {
                metrics.lines().find_map(|line| line.strip_prefix("secret_files_rejected ")).map(str::to_owned)
            };
            let client = Client::new(process.url());
            assert_eq!(rejected(&client.get("/metrics").await.text).as_deref(), Some("1"), "{bad:?}");
            visitors.more().await;
            let log = process.log();
            let line = log.lines().rfind(|line| line.contains("new value of a secret rejected")).unwrap_or_default();
            assert!(line.contains("ERROR") && line.contains(why) && !line.contains("MC"), "{}", process.tail());
            secrets.write(&good);
            assert_eq!(rejected(&client.get("/metrics").await.text).as_deref(), Some("0"), "{bad:?}");
        }
    }
}
