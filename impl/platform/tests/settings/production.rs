//! What a production rejects at its start.

use super::*;

#[test]
fn production_needs_a_key_of_its_own() {
    let validate = |key: Option<&str>| {
        let mut flags = vec!["--environment", "production"];
        flags.extend(key.iter().flat_map(|key| ["--secret-key", key]));
        parse(&flags).expect("good flags").validate()
    };
    let example = "your-secret-key-change-in-production-please";
    for bad in [
        None,
        Some(""),
        Some("tiny"),
        Some(example),
        Some("changeme-changeme-changeme-changeme"),
        Some("change-me-to-the-output-of-openssl-rand-hex-32"),
        Some("passwordpasswordpasswordpassword"),
        Some("0123456789abcdef0123456789abcdef"),
        Some(&*"a".repeat(64)),
    ] {
        let refused = validate(bad).expect_err("weak").to_string();
        assert!(
            refused.contains("SECRET_KEY") && !bad.is_some_and(|key| !key.is_empty() && refused.contains(key)),
            "{refused}"
        );
    }
    validate(Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")).expect("a good one");
    assert!(parse(&["--environment", "prod"]).expect("an alias").validate().is_err());
    // As long as the hash (RFC 7518, 3.2).
    let (short, long) = ("c2c1a9d4f0b8e7361524", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    for (algorithm, bytes) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let with = |key: &str| {
            let flags = ["--environment", "production", "--algorithm", algorithm, "--secret-key", key];
            parse(&flags).expect("good flags").validate()
        };
        with(&long[..bytes]).expect(algorithm);
        let refused = with(&long[..bytes - 1]).expect_err(algorithm).to_string();
        assert!(refused.contains("shorter") && refused.contains(&format!("openssl rand -hex {bytes}")), "{refused}");
        assert!(with(short).is_err(), "{algorithm}");
    }
}

#[test]
fn of_several_keys_none_may_be_weak() {
    let validate = |environment: &str, keys: &str| {
        let refusal =
            parse(&["--environment", environment, &format!("--secret-key={keys}")]).expect("good flags").validate();
        refusal.map_err(|error| error.to_string())
    };
    let other = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    validate("production", &format!("{KEY}\n{other}\n")).expect("both are good");
    for (bad, why) in [
        (format!("{KEY}\ntiny"), "shorter than 32"),
        (format!("changeme-changeme-changeme-changeme\n{KEY}"), "published"),
        ([KEY; 9].join("\n"), "more than 8 lines"),
    ] {
        let refusal = validate("production", &bad).expect_err(why);
        assert!(refusal.contains("SECRET_KEY") && refusal.contains(why) && !refusal.contains(KEY), "{refusal}");
    }
    // Everybody has it, so everybody could sign.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAwpbUfgqz0C52oennge8+eQA6Avi7QCMQLB3y4Ed92iU=\n-----END PUBLIC KEY-----";
    for environment in ["production", "development"] {
        assert!(validate(environment, pem).expect_err("a public key").contains("SECRET_KEY is a PEM"));
    }
}

#[test]
fn production_needs_passwords_of_its_own_for_consoles() {
    let with = |environment, password: &str| {
        let command = ConsoleSettings::augment_args(clap::Command::new("test"));
        let matches = command.get_matches_from(["test", "--grafana-password", password]);
        ConsoleSettings::from_arg_matches(&matches).expect("good flags").validate(environment)
    };
    for known in ["admin", "change-me-grafana", "grafana"] {
        let refusal = with(Environment::Production, known).expect_err("everybody knows it").to_string();
        assert!(refusal.contains("GRAFANA_PASSWORD") && refusal.contains("openssl rand"), "{refusal}");
        with(Environment::Development, known).expect("it is nobody's business there");
    }
    for own in ["b81e0c47", ""] {
        with(Environment::Production, own).expect("one of its own, or none");
    }
}

#[test]
fn production_needs_a_redis_password_of_its_own() {
    let with = |environment: &str, flag: &str, url: &str| {
        parse(&["--environment", environment, "--secret-key", KEY, flag, url]).expect("good flags").validate()
    };
    for flag in ["--redis-url", "--cache-redis-url"] {
        for published in ["redis://:change-me-redis@redis:6379/0", "redis://app:example@redis", "redis://:redis@redis"]
        {
            let refusal = with("production", flag, published).expect_err("everybody knows it").to_string();
            assert!(
                refusal.contains("password of Redis") && !refusal.contains("change") && refusal.contains("openssl"),
                "{refusal}"
            );
            with("development", flag, published).expect("it is nobody's business there");
        }
        for own in ["redis://:b81e0c47@redis.example.com:6379/0", "redis://redis", ""] {
            with("production", flag, own).expect("a password of its own, or none");
        }
    }
}

#[test]
fn production_needs_a_database_password_of_its_own() {
    let with = |environment: &str, flags: &[&str]| {
        let flags = [&["--environment", environment, "--secret-key", KEY], flags].concat();
        parse(&flags).expect("good flags").validate()
    };
    for published in [
        ["--postgres-password", "change-me-postgres"],
        ["--database-url", "postgresql://app:change%2Dme@db/app"],
        ["--database-url", "postgresql://postgres:postgres@db/app"],
        ["--database-url", "postgresql+asyncpg://app:example@db:5432/app"],
        ["--database-url", "postgresql://warehouse:Warehouse@db/app"],
    ] {
        let refusal = with("production", &published).expect_err("everybody knows it").to_string();
        assert!(refusal.contains("password of Postgres") && !refusal.contains("change"), "{refusal}");
        with("development", &published).expect("it is nobody's business there");
    }
    for own in [
        ["--postgres-password", "b81e0c47"],
        ["--database-url", "postgresql://app:b81e0c47@db.example.com/example"],
        ["--database-url", "postgresql://app@db/app"],
    ] {
        with("production", &own).expect("a password of its own, or none");
    }
}
