//! Connection URLs of Postgres and Redis: what they may say, and that nothing of it is dropped without a word.

use platform::settings::{DatabaseSettings, RedisPlace, Settings};
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/settings/certificate.pem");

fn servers(url: &str) -> Result<Vec<PgConnectOptions>, String> {
    DatabaseSettings::of_url(url).servers().map_err(|error| error.to_string())
}

fn places(url: &str) -> Vec<(String, u16)> {
    let servers = servers(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    let place = |options: &PgConnectOptions| {
        let host =
            options.get_socket().map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string());
        (host, options.get_port())
    };
    servers.iter().map(place).collect()
}

#[test]
fn a_url_names_one_server_or_several() {
    for (url, expected) in [
        ("postgresql://u:p@a/db", &[("a", 5432)][..]),
        ("postgres://u:p@a:1,b:2,c/db", &[("a", 1), ("b", 2), ("c", 5432)]),
        ("postgresql://u:p@[::1]:5433,a/db?target_session_attrs=read-write", &[("::1", 5433), ("a", 5432)]),
        ("postgresql://u:p@/db?host=a,b&port=1,2&target_session_attrs=primary", &[("a", 1), ("b", 2)]),
        (
            "postgresql://u:p@/db?host=a,b&port=7&target_session_attrs=any&load_balance_hosts=random",
            &[("a", 7), ("b", 7)],
        ),
        ("postgresql:///db?host=/run/postgresql&user=u", &[("/run/postgresql", 5432)]),
        ("postgresql://u:p@a/db?port=6432", &[("a", 6432)]),
    ] {
        let expected: Vec<_> = expected.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect();
        assert_eq!(places(url), expected, "{url}");
    }
    let server = servers("postgresql://u%40x:p%2Fw@a,b/d%20b").expect("valid").remove(1);
    assert_eq!((server.get_username(), server.get_host(), server.get_database()), ("u@x", "b", Some("d b")));
}

#[test]
fn a_password_that_is_not_encoded_is_not_printed() {
    for url in [
        "postgresql://app:x?topsecret@a/db",
        "postgresql://app:x/topsecret@a/db",
        "postgresql://app:x?sslmode=topsecret@a/db",
    ] {
        let error = servers(url).expect_err(url);
        assert!(!error.contains("topsecret"), "{url}: {error}");
    }
    for url in ["redis://:x?topsecret@a/0", "redis://:x/topsecret@a/0", "redis://:x#topsecret@a/0"] {
        let error = redis(url).expect_err(url);
        assert!(!error.contains("topsecret"), "{url}: {error}");
    }
}

#[test]
fn a_service_logs_in_as_its_role_wherever_the_url_has_the_owner() {
    for url in [
        "postgresql://app:owner@a,b/db?sslmode=require",
        "postgresql://app@a,b/db?password=owner&sslmode=require",
        "postgresql://app:owner@a,b/db?user=app&sslmode=require",
        "postgresql://a,b/db?user=app&password=owner&sslmode=require",
    ] {
        let role = DatabaseSettings::of_url(url).url_as(|owner| format!("{owner}_tasks"), "p@ss").expect(url);
        let role = role.expose_secret();
        assert_eq!(role, "postgresql://app%5Ftasks:p%40ss@a,b/db?sslmode=require", "{url}");
    }
    assert!(DatabaseSettings::of_url("postgresql://a/db").url_as(str::to_owned, "p").is_none());
}

#[test]
fn encryption_is_what_the_url_says() {
    for (query, mode) in [
        ("", PgSslMode::Prefer),
        ("?sslmode=disable", PgSslMode::Disable),
        ("?sslmode=prefer", PgSslMode::Prefer),
        ("?ssl=require", PgSslMode::Require),
        ("?sslmode=require&sslrootcert=CERTIFICATE", PgSslMode::VerifyCa),
        ("?sslmode=verify-ca&sslrootcert=CERTIFICATE", PgSslMode::VerifyCa),
        ("?sslmode=verify-full&sslrootcert=CERTIFICATE", PgSslMode::VerifyFull),
        ("?sslmode=verify-full&sslcert=CERTIFICATE&sslkey=CERTIFICATE", PgSslMode::VerifyFull),
        ("?sslmode=verify-full&sslrootcert=system", PgSslMode::VerifyFull),
    ] {
        let url = format!("postgresql://u:p@a:1,b:2/db{}", query.replace("CERTIFICATE", CERTIFICATE));
        for server in servers(&url).unwrap_or_else(|error| panic!("{url}: {error}")) {
            assert_eq!(format!("{:?}", server.get_ssl_mode()), format!("{mode:?}"), "{url}");
        }
    }
}

#[test]
fn what_cannot_be_had_is_an_error_that_names_it() {
    for (query, why) in [
        ("sslmode=allow", "sslmode=allow"),
        ("sslmode=verify_full", "sslmode=verify_full"),
        ("sslmod=verify-full", "unknown parameter sslmod"),
        ("sslrootcert=/nowhere/ca.pem&sslmode=verify-full", "sslrootcert=/nowhere/ca.pem, which cannot be read"),
        ("sslrootcert=/etc/hostname&sslmode=verify-full", "not a PEM file"),
        ("sslrootcert=CERTIFICATE", "may do without"),
        ("sslrootcert=CERTIFICATE&sslmode=disable", "may do without"),
        ("sslcert=CERTIFICATE&sslmode=require", "belong together"),
        ("sslmode=verify-ca", "needs sslmode=verify-full"),
        ("sslmode=verify-ca&sslrootcert=system", "needs sslmode=verify-full"),
        ("channel_binding=require", "channel_binding=require"),
        ("gssencmode=require", "gssencmode=require"),
        ("sslcrl=/crl.pem", "unknown parameter sslcrl"),
        ("sslnegotiation=direct", "unknown parameter sslnegotiation"),
        ("ssl_min_protocol_version=TLSv1.3", "ssl_min_protocol_version=TLSv1.3"),
        ("target_session_attrs=standby", "target_session_attrs=standby"),
        ("target_session_attrs=prefer-standby", "target_session_attrs=prefer-standby"),
    ] {
        let url = format!("postgresql://u:topsecret@a/db?{}", query.replace("CERTIFICATE", CERTIFICATE));
        let error = servers(&url).expect_err(query);
        assert!(error.starts_with("DATABASE_URL ") && error.contains(why), "{query}: {error}");
        assert!(!error.contains("topsecret"), "{error}");
    }
}

fn redis(url: &str) -> Result<RedisPlace, String> {
    let settings: Settings = testkit::settings(&["--redis-url", url]);
    Ok(settings.redis.place().map_err(|error| error.to_string())?.expect("a place"))
}

#[test]
fn redis_is_at_an_address_or_where_sentinel_says() {
    for (url, address) in [
        ("redis://:p@a:1/2", "a:1"),
        ("redis://a?db=3&socket_timeout=5&protocol=resp3", "a:6379"),
        ("rediss://:p@a:1/2", "a:1"),
        ("rediss://:p@a:1/2?ssl_cert_reqs=required&ssl_ca_certs=CERTIFICATE", "a:1"),
        ("valkey://a:1", "a:1"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
    ] {
        let url = url.replace("CERTIFICATE", CERTIFICATE);
        match redis(&url).unwrap_or_else(|error| panic!("{url}: {error}")) {
            RedisPlace::Server(info) => assert_eq!(info.addr().to_string(), address, "{url}"),
            RedisPlace::Sentinel { .. } => panic!("{url}"),
        }
    }
    for url in [
        "redis-sentinel://:p@a,b:1,[::1]/2?master=shop&sentinel_password=q",
        "redis-sentinel://:p@a,b:1,[::1]/2?sentinel_password=q#shop",
    ] {
        let Ok(RedisPlace::Sentinel { sentinels, primary, server }) = redis(url) else { panic!("{url}") };
        let addresses: Vec<_> = sentinels.iter().map(|info| info.addr().to_string()).collect();
        assert_eq!(
            (addresses, &*primary),
            (["a:26379", "b:1", "::1:26379"].map(str::to_owned).to_vec(), "shop"),
            "{url}"
        );
        assert_eq!((server.redis_settings().db(), server.redis_settings().password()), (2, Some("p")), "{url}");
        let of_sentinel = sentinels[0].redis_settings();
        assert_eq!((of_sentinel.db(), of_sentinel.password()), (0, Some("q")), "{url}");
    }
}

#[test]
fn what_cannot_be_had_of_redis_is_an_error_that_names_it() {
    for (url, why) in [
        ("redis://:topsecret@a,b/0", "several servers"),
        ("redis-sentinel://:topsecret@a/0", "does not name the primary"),
        ("redis://:topsecret@a/0?ssl_ca_certs=CERTIFICATE", "has to begin with rediss://"),
        ("rediss://:topsecret@a/0?ssl_ca_certs=/nowhere", "ssl_ca_certs=/nowhere, which cannot be read"),
        ("rediss://:topsecret@a/0?ssl_cert_reqs=none", "ssl_cert_reqs=none"),
        ("rediss://:topsecret@a/0?ssl_certfile=CERTIFICATE", "belong together"),
        ("redis://:topsecret@a/0?slowness=1", "unknown parameter slowness"),
        ("rediss://:topsecret@a/0#insecure", "certificates are checked in any case"),
        ("redis://:topsecret@a/first", "not a valid connection URL"),
        ("memcached://topsecret@a", "not a valid connection URL"),
        ("topsecret@a", "not a valid connection URL"),
    ] {
        let url = url.replace("CERTIFICATE", CERTIFICATE);
        let error = redis(&url).expect_err(&url);
        assert!(error.starts_with("REDIS_URL ") && error.contains(why), "{url}: {error}");
        assert!(!error.contains("topsecret"), "{error}");
    }
}
