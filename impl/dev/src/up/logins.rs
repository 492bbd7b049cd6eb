//! The roles of Postgres that the services of `up` log in as: each its own, with a password made once and kept.

use std::fs;

use anyhow::Result;
use platform::privileges::{ROLES, role_of};
use platform::settings::{DatabaseSettings, RoleSettings};
use secrecy::{ExposeSecret, SecretString};

use super::args::UpArgs;
use super::database;
use super::environment::{Env, secret};
use crate::console::say;

/// A password for each service, and the URL that has it.
#[derive(Default)]
pub(crate) struct Logins(Vec<Login>);

struct Login {
    service: &'static str,
    password: String,
    url: SecretString,
}

impl Logins {
    /// Passwords for the roles of the database in `env`; none where its URL names no role that could own them.
    pub(crate) fn make(args: &UpArgs, env: &Env) -> Result<Self> {
        let folder = args.dir.join("roles");
        fs::create_dir_all(&folder)?;
        let owner = DatabaseSettings::of_url(&env["DATABASE_URL"]);
        let mut logins = Vec::new();
        for (service, _) in ROLES {
            let password = secret(&folder.join(service))?;
            if let Some(url) = owner.url_as(|owner| role_of(owner, service), &password) {
                logins.push(Login { service, password, url });
            }
        }
        Ok(Self(logins))
    }

    /// What `migrate` is told.
    pub(crate) fn passwords(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().map(|login| (RoleSettings::variable(login.service), login.password.as_str()))
    }

    /// Those that Postgres lets in, after the migrations. Where it lets nobody else in, the owner serves everything.
    pub(crate) fn that_work(self) -> Result<Self> {
        let mut working = Vec::new();
        for login in self.0 {
            if database::lets_in(login.url.expose_secret())? {
                working.push(login);
            }
        }
        if working.len() < ROLES.len() {
            say("The user of DATABASE_URL lacks CREATEROLE: all services log in as that user");
            working.clear();
        }
        Ok(Self(working))
    }

    /// Where a service finds its database, if not where everybody does.
    pub(crate) fn url(&self, service: &str) -> Option<&str> {
        self.0.iter().find(|login| login.service == service).map(|login| login.url.expose_secret())
    }
}
