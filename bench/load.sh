# For all measurements: short runs of a load generator, several sides in turn, medians.
# shellcheck shell=bash
set -euo pipefail
export ENVIRONMENT=development

SMOKE=${BENCH_SMOKE:-}
if [ -n "$SMOKE" ]; then
    # Whether it runs, not how fast: the build that the tests have, and as little as there is.
    BENCH_ROUNDS=1 BENCH_SECONDS=1 BENCH_CONNECTIONS=4 BENCH_LOAD=own
    # On a busy machine what takes long is slow, not refused.
    export DATABASE_ACQUIRE_TIMEOUT_MS=5000 REDIS_TIMEOUT_MS=5000
fi
ROUNDS=${BENCH_ROUNDS:-5}
SECONDS_EACH=${BENCH_SECONDS:-2}
CONNECTIONS=${BENCH_CONNECTIONS:-32}
GENERATOR=${BENCH_LOAD:-$(command -v wrk >/dev/null && echo wrk || echo own)}
BIN=${CARGO_TARGET_DIR:-target}/$([ -n "$SMOKE" ] && echo debug || echo release)

size() { # MEASURED SMOKE: how much of something
    if [ -n "$SMOKE" ]; then echo "$2"; else echo "$1"; fi
}

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

TOKENS=""
work=$(mktemp -d)
started="" last=""
# shellcheck disable=SC2086  # a list of process ids
trap 'kill $started 2>/dev/null || true; wait; rm -rf "$work"' EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() { # URL COMMAND...: in the background, until something answers at the URL; OUTPUT: where its log goes
    local url=$1 tries=0
    shift
    "$@" >"${OUTPUT:-/dev/null}" 2>"$work/stderr" &
    last=$!
    started="$started $last"
    until curl --silent --output /dev/null "$url"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! kill -0 "$last" 2>/dev/null; then
            cat "$work/stderr" >&2
            die "does not come up: $*"
        fi
        sleep 0.1
    done
}

stop_last() { # The server that was started last
    kill "$last"
    wait "$last" 2>/dev/null || true
    started=${started% "$last"}
}

# A request is described by variables: METHOD, HEADERS (a line each), BODY, REPEAT (how often the body is there, as an
# array). "[0-9]" in the path and the body is a random digit, "[key]" in a header and "[uuid]" in the body are different in
# each request, "[token]" in a header one of TOKENS (a line each), in turn: a server holds what one client may take from others.
load() { # BASE PATH [SECONDS]: prints "requests/s p50 p99", latencies in ms; any failed request is a failure
    local base=$1 path=$2 seconds=${3:-$SECONDS_EACH} rate p50 p99 failed generator
    case $GENERATOR in
        wrk) generator=(wrk -t1 -c"$CONNECTIONS" -d"${seconds}s" --latency -s bench/wrk.lua "$base${path//\[0-9\]/1}") ;;
        own) generator=("$BIN/load" --connections "$CONNECTIONS" --seconds "$seconds" "$base") ;;
        *) die "no such load generator: $GENERATOR" ;;
    esac
    read -r rate p50 p99 failed < <(
        BENCH_METHOD=${METHOD:-GET} BENCH_HEADERS=${HEADERS:-} BENCH_BODY=${BODY:-} BENCH_PATH=$path BENCH_REPEAT=${REPEAT:-1} BENCH_TOKENS=${TOKENS:-} \
            "${generator[@]}" | sed -n 's/^MEASURED //p'
    ) || true
    [ -n "${failed:-}" ] || die "no measurement of $path"
    [ "$failed" = 0 ] || die "$failed requests to $path failed"
    echo "$rate $p50 $p99"
}

# Sides are functions that make one short run and print numbers. In turn, so that all have the same share of whatever else
# happens on the machine; in another order each round.
alternate() { # SIDE...: their numbers are kept for `median`
    local round side sides=("$@")
    # Once to warm up.
    [ -n "$SMOKE" ] || for side in "${sides[@]}"; do "$side" >/dev/null; done
    for ((round = 1; round <= ROUNDS; round++)); do
        for side in "${sides[@]}"; do "$side" >>"$work/$side"; done
        sides=("${sides[@]:1}" "${sides[0]}")
    done
}

median() { # SIDE [COLUMN]
    cut -d' ' -f"${2:-1}" "$work/$1" | sort -g | awk '{ n[NR] = $1 } END { print (n[int((NR + 1) / 2)] + n[int(NR / 2) + 1]) / 2 }'
}

resident() { # PROCESS: the most memory it has had, in MB
    awk '/^VmHWM/ { print $2 / 1024 }' "/proc/$1/status" 2>/dev/null || ps -o rss= -p "$1" | awk '{ print $1 / 1024 }'
}

calculate() { # FORMAT EXPRESSION
    awk "BEGIN { printf \"$1\", ($2) }"
}
