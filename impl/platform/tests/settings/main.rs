//! Valid settings, and secrets that are never printed.

mod production;
mod urls;

use clap::{Args as _, CommandFactory as _, FromArgMatches as _};
use platform::settings::{
    Algorithm, ConsoleSettings, Contract, DatabaseSettings, Environment, Origins, PasswordPolicy, Settings,
};
use secrecy::ExposeSecret as _;
use sqlx::ConnectOptions as _;

/// As `openssl rand -hex 16` creates them.
const KEY: &str = "9f2c4e8a1b7d3f6095ac8e1d4b7f2a6c";

#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    settings: Settings,
}

/// Flags only: the environment belongs to all tests of a process.
fn parse(flags: &[&str]) -> Result<Settings, String> {
    let command = Settings::augment_args(clap::Command::new("test")).mut_args(|arg| arg.env(None::<&str>));
    let matches = command
        .try_get_matches_from(std::iter::once("test").chain(flags.iter().copied()))
        .map_err(|error| error.to_string())?;
    Settings::from_arg_matches(&matches).map_err(|error| error.to_string())
}

fn database(flags: &[&str]) -> DatabaseSettings {
    parse(flags).expect("good flags").database
}

#[test]
fn every_documented_name_is_read() {
    let command = Program::command();
    let names: Vec<_> = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
    for name in [
        "DATABASE_URL",
        "POSTGRES_SERVER",
        "POSTGRES_USER",
        "POSTGRES_PASSWORD",
        "POSTGRES_DB",
        "POSTGRES_PORT",
        "REDIS_URL",
        "SECRET_KEY",
        "ALGORITHM",
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "BACKEND_CORS_ORIGINS",
        "APP_NAME",
        "APP_VERSION",
        "DEBUG",
        "ENVIRONMENT",
        "BIND_ADDRESS",
        "PASSWORD_MIN_LENGTH",
        "LOG_FORMAT",
        "CONTRACT",
        "CONTRACT_SAMPLE_RATE",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(command.get_arguments().all(|arg| arg.get_help().is_some()), "--help explains every one");
}

#[test]
fn a_cache_may_have_a_redis_of_its_own() {
    let redis = |flags: &[&str]| parse(flags).expect("good flags").redis;
    let one = redis(&["--redis-url", "redis://one"]);
    assert_eq!((one.is_split(), one.for_cache().url()), (false, Some("redis://one")));
    let two = redis(&["--redis-url", "redis://one", "--cache-redis-url", "redis://two"]);
    assert_eq!((two.is_split(), two.url(), two.for_cache().url()), (true, Some("redis://one"), Some("redis://two")));
    for same in ["", "redis://one"] {
        let same = redis(&["--redis-url", "redis://one", "--cache-redis-url", same]);
        assert_eq!((same.is_split(), same.for_cache().url()), (false, Some("redis://one")));
    }
    let none = redis(&["--redis-url", "", "--cache-redis-url", "redis://two"]);
    assert_eq!((none.is_split(), none.for_cache().url()), (false, None), "an empty REDIS_URL says that there is none");
}

#[test]
fn defaults_are_those_of_the_older_service() {
    let settings = parse(&[]).expect("everything has a default");
    assert_eq!(settings.auth.access_token_expire_minutes, 30);
    assert_eq!(settings.auth.algorithm, [Algorithm::Hs256]);
    assert_eq!(settings.auth.password_policy(Environment::Development), PasswordPolicy::Basic);
    assert_eq!(settings.auth.password_policy(Environment::Production), PasswordPolicy::Strong);
    let settings = parse(&["--environment", "development"]).expect("good flags");
    assert_eq!(settings.validate().expect("good in development"), Environment::Development);
}

#[test]
fn responses_are_checked_as_asked_for() {
    let http = |flags: &[&str]| parse(flags).map(|settings| settings.http);
    let default = http(&[]).expect("everything has a default");
    assert_eq!(default.contract, if cfg!(debug_assertions) { Contract::Enforce } else { Contract::Sample });
    let sampled = http(&["--contract", "SAMPLE", "--contract-sample-rate", "0.5"]).expect("good flags");
    assert_eq!((sampled.contract, sampled.contract_sample_rate), (Contract::Sample, 0.5));
    for rate in ["-0.1", "1.1", "NaN", "few"] {
        http(&["--contract-sample-rate", rate]).expect_err("no share");
    }
    http(&["--contract", "sometimes"]).expect_err("no mode");
}

#[test]
fn it_is_closed_unless_it_is_opened() {
    let settings = parse(&[]).expect("everything has a default");
    assert_eq!(settings.exposure.environment, Environment::Production);
    assert!(settings.exposure.bind_address.is_loopback());
    assert!(settings.validate().expect_err("there is no key").to_string().contains("openssl rand -hex 32"));
    // What others can reach needs a key of its own as well, also when it is called a development.
    let public = ["--environment", "development", "--bind-address", "0.0.0.0"];
    let refusal = parse(&public).expect("good flags").validate().expect_err("nobody said so").to_string();
    assert!(refusal.contains("0.0.0.0") && refusal.contains("PUBLIC_DEVELOPMENT"), "{refusal}");
    let told = [&public[..], &["--public-development"]].concat();
    assert!(parse(&told).expect("good flags").validate().expect_err("a known key").to_string().contains("SECRET_KEY"));
    let own = [&told[..], &["--secret-key", KEY]].concat();
    assert_eq!(parse(&own).expect("good flags").validate().expect("a key"), Environment::Production);
}

#[test]
fn secrets_are_never_printed() {
    let flags = [
        "--secret-key",
        "topsecret-key",
        "--database-url",
        "postgresql://user:topsecret-db@host/db",
        "--redis-url",
        "redis://:topsecret-redis@host/0",
        "--postgres-password",
        "topsecret-password",
        "--token-private-key",
        "topsecret-private",
    ];
    let printed = format!("{:?}", parse(&flags).expect("good flags"));
    assert!(!printed.contains("topsecret"), "{printed}");
    let command = Settings::augment_args(clap::Command::new("test"));
    for secret in ["secret_key", "database_url", "redis_url", "postgres_password", "token_private_key"] {
        let argument = command.get_arguments().find(|arg| arg.get_id() == secret).expect("it exists");
        assert!(argument.is_hide_env_values_set(), "--help would show {secret}");
    }
}

#[test]
fn algorithms_and_their_keys_belong_together() {
    let with = |flags: &[&str]| {
        let settings = parse(&[&["--environment", "development", "--secret-key", KEY], flags].concat());
        settings.and_then(|settings| settings.validate().map_err(|error| error.to_string()))
    };
    for good in ["HS256", "HS384", "HS512"] {
        with(&["--algorithm", good]).expect(good);
    }
    for bad in ["none", "RS256", "ES256", "hs256x", "", "HS256,none"] {
        parse(&["--algorithm", bad]).expect_err(bad);
    }
    let keys: [&[&str]; 3] = [
        &["--token-private-key", "a PEM"],
        &["--token-public-keys", "a PEM"],
        &["--token-private-key", "a PEM", "--token-public-keys", "a PEM"],
    ];
    for keys in keys {
        for good in ["EdDSA", "EdDSA,HS256", "HS512,EdDSA"] {
            with(&[keys, &["--algorithm", good]].concat()).expect(good);
        }
        let refusal = with(keys).expect_err("they would not be used");
        assert!(refusal.contains("ALGORITHM is not EdDSA"), "{refusal}");
    }
    for (bad, why) in [("EdDSA", "needs TOKEN_PRIVATE_KEY"), ("HS256,EdDSA", "TOKEN_PUBLIC_KEYS where")] {
        for empty in [&[][..], &["--token-private-key", "", "--token-public-keys", ""]] {
            let refusal = with(&[empty, &["--algorithm", bad]].concat()).expect_err(bad);
            assert!(refusal.contains(why), "{refusal}");
        }
    }
    for (bad, why) in
        [("HS256,HS512", "more than one"), ("EdDSA,HS256,HS512", "more than one"), ("EdDSA,EdDSA", "twice")]
    {
        let refusal = with(&[keys[0], &["--algorithm", bad]].concat()).expect_err(bad);
        assert!(refusal.contains(why), "{refusal}");
    }
}

#[test]
fn while_a_password_is_changed_there_are_two() {
    let names = |flags: &[&str]| {
        let all = database(flags).servers().expect("valid");
        all.iter().map(|one| one.to_url_lossy().to_string()).collect::<Vec<_>>()
    };
    let both = names(&["--postgres-password", "new\nold\n"]);
    assert!(both.len() == 2 && both[0].contains(":new@") && both[1].contains(":old@"), "{both:?}");
    let both = names(&["--database-url", "postgresql://u:new@h/d\r\npostgresql+asyncpg://u:old@h/d"]);
    assert!(both.len() == 2 && both[0].contains("u:new@h") && both[1].contains("u:old@h"), "{both:?}");
    assert_eq!(names(&[]).len(), 1, "without a password");
    let settings = database(&["--postgres-password", "owner"]);
    let role = settings.of_role(|owner| format!("{owner}_shop"), &"new\nold".into()).expect("the URL has a user");
    let logins: Vec<_> = role.servers().expect("valid").iter().map(|one| one.to_url_lossy().to_string()).collect();
    assert!(logins[0].contains("postgres_shop:new@") && logins[1].contains("postgres_shop:old@"), "{logins:?}");
}

#[test]
fn origins_are_a_json_list_or_comma_separated() {
    let parse = |text: &str| text.parse::<Origins>().map(|origins| origins.0);
    let both = ["https://a.example", "http://localhost:3000"];
    assert_eq!(parse(r#"["https://a.example", "http://localhost:3000/"]"#).expect("JSON"), both);
    assert_eq!(parse(" https://A.example , http://localhost:3000 ").expect("commas"), both);
    assert_eq!(parse("*").expect("any"), ["*"]);
    assert!(parse("").expect("none").is_empty() && parse("[]").expect("none").is_empty());
    for bad in [
        "localhost:3000",
        "https://",
        "https://a.example/path",
        "[1]",
        "[\"https://a.example\"",
        "https://*.example",
        "null",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_database_url_is_taken_or_put_together() {
    let url = |flags: &[&str]| database(flags).url().expose_secret().to_owned();
    assert_eq!(
        url(&["--database-url", "postgresql+asyncpg://u:p@host:5433/db?sslmode=disable"]),
        "postgresql://u:p@host:5433/db?sslmode=disable"
    );
    let parts = [
        "--postgres-server",
        "db",
        "--postgres-user",
        "an n",
        "--postgres-password",
        "p@ss:w/rd",
        "--postgres-db",
        "d b",
    ];
    assert_eq!(url(&parts), "postgresql://an%20n:p%40ss%3Aw%2Frd@db:5432/d%20b");
    let first = |flags: &[&str]| database(flags).servers().expect("valid").remove(0);
    let options = first(&parts);
    assert_eq!((options.get_username(), options.get_host(), options.get_database()), ("an n", "db", Some("d b")));
    let socket = first(&["--postgres-server", "/var/run/pg", "--postgres-port", "5433"]);
    assert_eq!(socket.get_socket().and_then(|path| path.to_str()), Some("/var/run/pg"));
    assert_eq!(first(&["--postgres-server", "::1"]).get_host(), "::1");
    for bad in ["mysql://u:topsecret@h/db", "u:topsecret@h", "postgresql://u:topsecret@h:port/db"] {
        let error = database(&["--database-url", bad]).servers().expect_err(bad).to_string();
        assert!(!error.contains("topsecret"), "{error}");
    }
}

#[test]
fn switches_are_written_in_many_ways() {
    for (text, on) in
        [("true", true), ("True", true), ("1", true), ("yes", true), ("false", false), ("0", false), ("off", false)]
    {
        assert_eq!(parse(&[&format!("--debug={text}")]).expect(text).app.debug, on, "{text}");
    }
    parse(&["--log-format", "TEXT"]).expect("any case");
    parse(&["--access-token-expire-minutes", "0"]).expect_err("a token must live");
    parse(&["--argon2-memory-kib", "8", "--argon2-parallelism", "4"])
        .expect("each is fine")
        .validate()
        .expect_err("not both");
}
