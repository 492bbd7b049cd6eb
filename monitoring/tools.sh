# shellcheck shell=bash
# Sourced by what needs Prometheus: find_prometheus sets PROMETHEUS and PROMTOOL. TOOLS is the folder tools go to, die() how
# the script ends. Programs on the machine come first; else Debian's package is unpacked, not installed: no service of the
# machine's own is made or touched.

find_prometheus() {
    if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
        PROMETHEUS=prometheus PROMTOOL=promtool
        return
    fi
    local dir=$TOOLS/prometheus
    if [ ! -x "$dir/usr/bin/promtool" ]; then
        if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
            die "prometheus and promtool are missing; install them (macOS: brew install prometheus)"
        fi
        printf 'fetching Prometheus into %s\n' "$dir" >&2
        fetch_prometheus "$dir" || die "Prometheus cannot be fetched (Debian: apt-get install prometheus)"
    fi
    # shellcheck disable=SC2034  # for whoever sources this
    PROMETHEUS=$dir/usr/bin/prometheus PROMTOOL=$dir/usr/bin/promtool
}

fetch_prometheus() { # DIR
    local work
    work=$(mktemp -d)
    # An old list names packages that are gone.
    (cd "$work" && { apt-get -qq download prometheus || { apt-get -qq update && apt-get -qq download prometheus; }; }) >&2 &&
        dpkg-deb -x "$work"/prometheus_*.deb "$work/all" && mkdir -p "$1/usr/bin" &&
        cp "$work"/all/usr/bin/prom* "$1/usr/bin/"
    local outcome=$?
    rm -rf "$work"
    return $outcome
}
