//! What all encrypted connections to Postgres and Redis have in common.

use std::sync::{Once, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The certificates that this machine trusts, as PEM; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others. `None` when there are none.
pub(crate) fn of_machine() -> Option<&'static [u8]> {
    static FOUND: OnceLock<Vec<u8>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let pem =
            |der: &[u8]| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
        rustls_native_certs::load_native_certs().certs.iter().map(|der| pem(der)).collect::<String>().into_bytes()
    });
    (!found.is_empty()).then_some(found)
}

/// Two implementations of cryptography are linked; libraries that do not say which one they want would panic.
pub(crate) fn use_one_provider() {
    static ONCE: Once = Once::new();
    // It fails where somebody else was faster.
    ONCE.call_once(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));
}
