//! Keys of access tokens, made for tests: `openssl genpkey -algorithm ed25519`, `openssl pkey -pubout`.

/// A key that signs, PEM of PKCS#8.
pub const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIKnSobIRCsmqJPaptjm3UL0Gjhir/ardiVIkQ3e3laeM
-----END PRIVATE KEY-----
";
/// The key that verifies what it signs.
pub const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAwpbUfgqz0C52oennge8+eQA6Avi7QCMQLB3y4Ed92iU=
-----END PUBLIC KEY-----
";
/// Another key that signs.
pub const OTHER_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIFKJiTV6q8vOUY8wCoGSI9Cl+hmmUnQ29Wd832Aljndf
-----END PRIVATE KEY-----
";
/// The key that verifies what that signs.
pub const OTHER_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAqb0hB/EvQ66jsaoOSexpRTe4vWTOwjS3mUmGVSZctTs=
-----END PUBLIC KEY-----
";
