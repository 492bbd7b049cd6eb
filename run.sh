#!/usr/bin/env bash
# Builds the server and starts the whole system: a private Postgres and Redis, migrations, every service, and the
# gateway in front of them.
#
#   ./run.sh            Ctrl-C stops it; the data are kept in .local/
#   ./run.sh --help     ports, replicas, TLS, fresh data, production, other Postgres and Redis
set -euo pipefail
cd "$(dirname "$0")"

die() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }

command -v cargo >/dev/null || PATH=$PATH:$HOME/.cargo/bin
command -v cargo >/dev/null || die "Rust is missing; install it with rustup, https://rustup.rs"
command -v cc >/dev/null || die "a C compiler is missing (Debian: apt-get install build-essential, macOS: xcode-select --install)"

# A cargo that is too old fails with errors that do not say so.
wanted=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml)
found=$(cargo --version | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
[ "${found:-0}" -ge "$wanted" ] || die "Rust 1.$wanted or newer is needed, this is 1.${found:-?}: rustup update"

cargo build --release --locked -p server -p dev
# The default of `dev up` is production.
exec "${CARGO_TARGET_DIR:-target}/release/dev" up --development "$@"
