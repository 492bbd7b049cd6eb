//! Sign-in by OpenID Connect providers. Each provider has settings of its own, whose names have the provider's in them.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use secrecy::ExposeSecret;

use crate::{InvalidSettings, Secret, SecretParser, variable};

const PROVIDERS: &str = "OIDC_PROVIDERS";
const REDIRECT_URIS: &str = "OIDC_REDIRECT_URIS";
const SIGNUP: &str = "OIDC_SIGNUP";
const ISSUER: &str = "ISSUER";
const CLIENT_ID: &str = "CLIENT_ID";
const CLIENT_SECRET: &str = "CLIENT_SECRET";
const SCOPES: &str = "SCOPES";
/// What is asked for unless the settings say otherwise, beside `openid`.
const DEFAULT_SCOPES: &str = "email profile";
/// Characters of a provider's name.
const MAX_NAME_LENGTH: usize = 32;

/// A provider that users may sign in with.
#[derive(Debug, Clone)]
pub struct OpenIdProvider {
    /// The name in paths.
    pub name: String,
    /// Its issuer identifier.
    pub issuer: String,
    /// As whom this server is registered there.
    pub client_id: String,
    /// The secret of this registration.
    pub client_secret: Secret,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
}

/// The providers, and where they may send users back to.
#[derive(Debug, Clone)]
pub struct OpenIdSettings {
    names: Vec<String>,
    given: Vec<Given>,
    /// Where a provider may send users back to: exactly one of these.
    pub redirect_uris: Vec<String>,
    /// Whether the first sign-in creates an account.
    pub signup: bool,
}

/// The settings of one provider, as far as they are set.
#[derive(Debug, Clone)]
struct Given {
    name: String,
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    scopes: String,
}

impl Default for OpenIdSettings {
    fn default() -> Self {
        Self { names: Vec::new(), given: Vec::new(), redirect_uris: Vec::new(), signup: true }
    }
}

impl OpenIdSettings {
    /// With these providers, for tests and programs that have no such environment.
    pub fn with(providers: Vec<OpenIdProvider>, redirect_uris: Vec<String>, signup: bool) -> Self {
        let given = |provider: OpenIdProvider| Given {
            name: provider.name,
            issuer: Some(provider.issuer),
            client_id: Some(provider.client_id),
            client_secret: Some(provider.client_secret),
            scopes: provider.scopes.join(" "),
        };
        let given: Vec<Given> = providers.into_iter().map(given).collect();
        Self { names: given.iter().map(|one| one.name.clone()).collect(), given, redirect_uris, signup }
    }

    /// The providers.
    ///
    /// # Errors
    /// When a name is not valid, a setting of a provider is missing or `OIDC_REDIRECT_URIS` is.
    pub fn providers(&self) -> Result<Vec<OpenIdProvider>, InvalidSettings> {
        if !self.names.is_empty() && self.redirect_uris.is_empty() {
            return Err(InvalidSettings(format!("{REDIRECT_URIS} is missing, which {PROVIDERS} needs")));
        }
        self.names.iter().map(|name| self.provider(name)).collect()
    }

    fn provider(&self, name: &str) -> Result<OpenIdProvider, InvalidSettings> {
        if !is_name(name) {
            return Err(InvalidSettings(format!(
                "{PROVIDERS}: {name:?} is not a name of up to {MAX_NAME_LENGTH} small letters, digits and hyphens that begins with a letter"
            )));
        }
        if self.names.iter().filter(|other| *other == name).count() > 1 {
            return Err(InvalidSettings(format!("{PROVIDERS} names {name} twice")));
        }
        // The settings of a provider are known by what the environment names when the program starts.
        let given = self.given.iter().find(|given| given.name == name);
        let given = given.ok_or_else(|| InvalidSettings(format!("{PROVIDERS} must be set in the environment")))?;
        let missing =
            |setting| InvalidSettings(format!("{} is missing, which {PROVIDERS} names", named(name, setting)));
        let text = |value: &Option<String>, setting| value.clone().ok_or_else(|| missing(setting));
        Ok(OpenIdProvider {
            name: name.to_owned(),
            issuer: text(&given.issuer, ISSUER)?,
            client_id: text(&given.client_id, CLIENT_ID)?,
            client_secret: given.client_secret.clone().ok_or_else(|| missing(CLIENT_SECRET))?,
            scopes: listed(&given.scopes),
        })
    }

    /// Checks the environment as well: a setting of a provider that `OIDC_PROVIDERS` does not name has no effect, which somebody expects.
    ///
    /// # Errors
    /// When there is one.
    pub fn validate_environment(&self) -> Result<(), InvalidSettings> {
        let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
        match unnamed(set.filter_map(|(name, _)| name.into_string().ok()), &self.names) {
            Some(unnamed) => {
                Err(InvalidSettings(format!("{unnamed} is set, and {PROVIDERS} does not name its provider")))
            }
            None => Ok(()),
        }
    }
}

/// A setting of a provider that is not among those named.
fn unnamed(mut set: impl Iterator<Item = String>, names: &[String]) -> Option<String> {
    const SETTINGS: [&str; 4] = [ISSUER, CLIENT_ID, CLIENT_SECRET, SCOPES];
    set.find(|variable| {
        let base = variable.strip_suffix("_FILE").unwrap_or(variable);
        let is_one = base.starts_with("OIDC_") && SETTINGS.iter().any(|setting| base.ends_with(&format!("_{setting}")));
        is_one && !names.iter().any(|name| SETTINGS.iter().any(|setting| base == named(name, setting)))
    })
}

/// `google`, `ISSUER` is `OIDC_GOOGLE_ISSUER`.
fn named(provider: &str, setting: &str) -> String {
    format!("OIDC_{}", variable(provider, setting))
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= MAX_NAME_LENGTH
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(allowed)
}

/// The words of a list, which commas or blanks separate.
fn listed(text: &str) -> Vec<String> {
    text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Those of the environment, whose settings `--help` shows and secrets are read for.
fn names_in_environment() -> Vec<String> {
    let mut names = listed(&std::env::var(PROVIDERS).unwrap_or_default());
    // Settings of others could not be told apart; [`OpenIdSettings::providers`] rejects them.
    names.retain(|name| is_name(name));
    names.sort();
    names.dedup();
    names
}

impl Args for OpenIdSettings {
    fn augment_args(command: Command) -> Command {
        let heading = "OpenID Connect";
        let setting = |name: String, help: String| {
            let flag = name.to_lowercase().replace('_', "-");
            Arg::new(name.clone()).long(flag).env(name).help(help).help_heading(heading)
        };
        let own = [
            setting(PROVIDERS.into(), "Providers that users may sign in with, separated by commas. Each NAME has OIDC_NAME_ISSUER, OIDC_NAME_CLIENT_ID, OIDC_NAME_CLIENT_SECRET, and OIDC_NAME_SCOPES if it needs others than email and profile".into())
                .default_value(""),
            setting(REDIRECT_URIS.into(), "Where a provider may send users back to, separated by commas: https, or http on this machine, or a scheme of an app".into())
                .default_value(""),
            setting(SIGNUP.into(), "Whether the first sign-in with an e-mail that the provider has verified creates an account".into())
                .default_value("true")
                .action(ArgAction::Set)
                .value_parser(clap::value_parser!(bool)),
        ];
        let of_providers = names_in_environment().into_iter().flat_map(|name| {
            let setting = |key, help: &str| setting(named(&name, key), format!("{help} {name}"));
            [
                setting(ISSUER, "Issuer identifier of the provider"),
                setting(CLIENT_ID, "Id of this server as a client of the provider"),
                setting(CLIENT_SECRET, "Secret of this server as a client of the provider")
                    .hide_env_values(true)
                    .value_parser(SecretParser),
                setting(SCOPES, "Scopes beside openid to ask for at the provider").default_value(DEFAULT_SCOPES),
            ]
        });
        command.args(own).args(of_providers)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OpenIdSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let text = |name: &str| matches.get_one::<String>(name).cloned().filter(|text| !text.is_empty());
        let given = |name: String| Given {
            issuer: text(&named(&name, ISSUER)),
            client_id: text(&named(&name, CLIENT_ID)),
            client_secret: matches
                .get_one::<Secret>(&named(&name, CLIENT_SECRET))
                .filter(|secret| !secret.expose_secret().is_empty())
                .cloned(),
            scopes: text(&named(&name, SCOPES)).unwrap_or_default(),
            name,
        };
        let list = |name: &str| listed(&text(name).unwrap_or_default());
        Ok(Self {
            names: list(PROVIDERS),
            given: names_in_environment().into_iter().map(given).collect(),
            redirect_uris: list(REDIRECT_URIS),
            signup: matches.get_one(SIGNUP).copied().unwrap_or(true),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str) -> OpenIdProvider {
        OpenIdProvider {
            name: name.into(),
            issuer: "https://id.example".into(),
            client_id: "us".into(),
            client_secret: "a secret".into(),
            scopes: listed("email, profile"),
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let callback = vec!["https://app.example/callback".to_owned()];
        let settings = |change: fn(&mut OpenIdSettings)| {
            let mut settings = OpenIdSettings::with(vec![provider("my-idp")], callback.clone(), true);
            change(&mut settings);
            settings.providers().map_err(|error| error.to_string())
        };
        let good = settings(|_| ()).expect("everything is there");
        assert_eq!(good[0].scopes, ["email", "profile"]);
        assert!(!format!("{good:?}").contains("a secret"));
        for (change, said) in [
            ((|all| all.given[0].issuer = None) as fn(&mut OpenIdSettings), "OIDC_MY_IDP_ISSUER is missing"),
            (|all| all.given[0].client_id = None, "OIDC_MY_IDP_CLIENT_ID is missing"),
            (|all| all.given[0].client_secret = None, "OIDC_MY_IDP_CLIENT_SECRET is missing"),
            (|all| all.redirect_uris.clear(), "OIDC_REDIRECT_URIS is missing"),
            (|all| all.names.push("my-idp".into()), "names my-idp twice"),
            (|all| all.names.push("other".into()), "must be set in the environment"),
            (|all| all.names.push("a_b".into()), "\"a_b\" is not a name"),
            (|all| all.names.push("../x".into()), "is not a name"),
        ] {
            let refusal = settings(change).expect_err(said);
            assert!(refusal.contains(said), "{refusal}");
        }
        assert!(OpenIdSettings::default().providers().expect("none is fine").is_empty());
    }

    #[test]
    fn settings_of_no_provider_are_found() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().into_iter();
        let names = ["my-idp".to_owned()];
        assert_eq!(
            unnamed(set(&["OIDC_MY_IDP_ISSUER", "OIDC_MY_IDP_CLIENT_SECRET_FILE", "OIDC_PROVIDERS", "HOME"]), &names),
            None
        );
        for other in ["OIDC_MY_ISSUER", "OIDC_X_CLIENT_SECRET", "OIDC_X_CLIENT_SECRET_FILE", "OIDC_IDP_SCOPES"] {
            assert_eq!(unnamed(set(&["OIDC_MY_IDP_ISSUER", other]), &names).as_deref(), Some(other));
        }
    }
}
