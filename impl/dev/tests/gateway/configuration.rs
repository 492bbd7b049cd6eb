//! Configurations: HTTPS, nginx's own check of each, and that custom deployments know what the template contains.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use testkit::documents::{any_prefix, operation};

use crate::system::{Gateway, Stores, gateway};

/// For 127.0.0.1 only, valid until 2126, self-signed.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_makes_it_https_and_http_2() {
    let stores = Stores::new().await;
    let services = stores.services().await;
    let (certificate, key) = (fixture("localhost.crt"), fixture("localhost.key"));
    let files = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let gateway = Gateway::before(&[&services], &["--tls-certificate", files[0], "--tls-key", files[1]]).await;
    let Some(prefix) = any_prefix() else { return };
    let url = format!("https://{}/{prefix}/openapi.json", gateway.address);
    // This project's HTTP client speaks no TLS.
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--http2",
        "--retry",
        "20",
        "--retry-connrefused",
        "--retry-delay",
        "1",
    ]);
    curl.args(["--write-out", "\n%{http_version}", "--cacert", files[0], &url]);
    let output = curl.output().expect("curl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (document, version) = text.rsplit_once('\n').unwrap();
    assert_eq!(version, "2");
    assert!(document.contains(&format!("\"/{prefix}\"")), "{document}");
    if let Some(ranking) = operation("get_top_paths") {
        // A body without a length, where responses are cached: it is not collected before it is rejected, however long a client
        // on a busy machine takes to notice that.
        let ranking = format!("https://{}{}", gateway.address, ranking.at_gateway());
        let upload = "head -c 60000000 /dev/zero | curl --silent --http2 --cacert \"$1\" --request GET --header Content-Length: \
                      --upload-file - --output /dev/null --write-out '%{http_code} %{size_upload}' \"$2\"";
        let output = Command::new("sh").args(["-c", upload, "upload", files[0], &ranking]).output().expect("curl runs");
        let said = String::from_utf8(output.stdout).unwrap();
        let (status, sent) = said.split_once(' ').unwrap_or_default();
        assert!(status == "413" && sent.parse::<u64>().is_ok_and(|sent| sent < 30_000_000), "{said}");
    }
    // A plain HTTP request gets an error that says so.
    let plain = testkit::Client::new(format!("http://{}", gateway.address)).get("/health").await;
    plain.expect_problem(400, "malformed_request");
}

#[test]
fn nginx_accepts_every_configuration() {
    let (certificate, key) = (fixture("localhost.crt"), fixture("localhost.key"));
    let files = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let tls = ["--tls-certificate", files[0], "--tls-key", files[1]];
    let proxies =
        ["--trusted-proxies", "10.0.0.0/8, ::1", "--internal-networks", "10.1.0.0/16,fd00::/8", "--workers", "3"];
    for settings in [&[][..], &tls, &proxies, &["--rate-limits", "off"]] {
        // A space, since folders have them.
        let dir = TempDir::with_prefix("a gateway ").unwrap();
        let addresses = |_: &str| "127.0.0.1:8000,[::1]:8000,localhost:8002".to_owned();
        let output = gateway(dir.path(), 8080, addresses, settings).arg("--check").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("[warn]"), "{said}");
        let written = std::fs::read_to_string(dir.path().join("generated/operations.conf")).unwrap();
        let limited = written.contains("limit_req ");
        assert_eq!(limited, any_prefix().is_some() && !settings.contains(&"off"));
    }
    let dir = TempDir::new().unwrap();
    for wrong in [&["--tls-certificate", files[0]][..], &["--internal-networks", "everybody"], &["--workers", "0"]] {
        let output = gateway(dir.path(), 8080, |_| "127.0.0.1:1".to_owned(), wrong).arg("--check").output().unwrap();
        assert!(!output.status.success(), "{wrong:?}");
    }
}

#[test]
fn every_placeholder_is_explained() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../gateway").join(name);
        std::fs::read_to_string(path).expect(name)
    };
    let names = |text: &str, before: &str| -> BTreeSet<String> {
        let rest = text.split(before).skip(1);
        rest.map(|rest| rest.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap_or("").to_owned())
            .collect()
    };
    let used = names(&read("nginx.conf.template"), "${GATEWAY_");
    let readme = read("README.md");
    let (_, container) = readme.split_once("## In a container").expect("a chapter");
    let explained = names(container, "`GATEWAY_");
    let missing: Vec<_> = used.difference(&explained).collect();
    assert!(missing.is_empty() && used.len() > 5, "{missing:?} of {used:?}");
}

/// The result of a TLS handshake, and the head of the response to a request after it.
fn handshake(address: std::net::SocketAddr, options: &str) -> String {
    const TRY: &str = "
import socket, ssl, sys
host, port, options = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
exec(options)
try:
    with context.wrap_socket(socket.create_connection((host, port), timeout=10)) as tls:
        tls.sendall(b'GET /health HTTP/1.1\\r\\nHost: here\\r\\nConnection: close\\r\\n\\r\\n')
        print(tls.version(), tls.cipher()[0], tls.recv(4096).decode().lower())
except ssl.SSLError as error:
    print('refused', error.reason)
except ConnectionError as error:
    print('refused', error)
";
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let output = Command::new("python3").args(["-c", TRY, &host, &port, options]).output().expect("Python runs");
    assert!(output.status.success(), "{options}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_cannot_be_read_later() {
    let (certificate, key) = (fixture("localhost.crt"), fixture("localhost.key"));
    let files = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let tls = ["--tls-certificate", files[0], "--tls-key", files[1], "--hsts-seconds", "31536000"];
    let gateway = Gateway::start(|_| "127.0.0.1:1".to_owned(), &tls).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::net::TcpStream::connect(gateway.address).is_err() {
        assert!(std::time::Instant::now() < deadline, "nobody listens");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for version in ["TLSv1_2", "TLSv1_3"] {
        let exactly = format!("context.minimum_version = context.maximum_version = ssl.TLSVersion.{version}");
        let said = handshake(gateway.address, &exactly);
        assert!(said.contains("200 ok") && said.contains("strict-transport-security: max-age=31536000"), "{said}");
        assert!(version == "TLSv1_3" || said.contains("ECDHE"), "{said}");
    }
    // With the key of the certificate, or an unknown one, and with broken hashes: what nginx would accept by default.
    for suites in [
        "AES128-SHA",
        "AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "kRSA",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA384",
    ] {
        let options =
            format!("context.maximum_version = ssl.TLSVersion.TLSv1_2; context.set_ciphers('{suites}:@SECLEVEL=0')");
        let said = handshake(gateway.address, &options);
        assert!(said.starts_with("refused"), "{suites}: {said}");
    }
    for version in ["TLSv1", "TLSv1_1"] {
        let options = format!(
            "import warnings; warnings.simplefilter('ignore'); context.set_ciphers('ALL:@SECLEVEL=0'); \
             context.minimum_version = context.maximum_version = ssl.TLSVersion.{version}"
        );
        let said = handshake(gateway.address, &options);
        assert!(said.starts_with("refused"), "{version}: {said}");
    }
}

#[test]
fn a_used_port_is_told_in_a_sentence() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let dir = TempDir::new().unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = gateway(dir.path(), port, |_| "127.0.0.1:1".to_owned(), &[]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let told: Vec<&str> = said.lines().filter(|line| line.contains(&port.to_string())).collect();
    assert!(
        !output.status.success() && told.len() == 1 && told[0].contains("in use") && told[0].contains("--port"),
        "{said}"
    );
}
