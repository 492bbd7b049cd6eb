# For the measurements in bench/names: short runs of a load generator, several sides in turn, medians.
# shellcheck shell=bash
set -euo pipefail

ROUNDS=${BENCH_ROUNDS:-5}
SECONDS_EACH=${BENCH_SECONDS:-2}
CONNECTIONS=${BENCH_CONNECTIONS:-32}
GENERATOR=${BENCH_LOAD:-$(command -v wrk >/dev/null && echo wrk || echo oha)}
# shellcheck disable=SC2034  # for those who read this file
BIN=${CARGO_TARGET_DIR:-target}/release

if [ "$GENERATOR" = oha ] && ! command -v oha >/dev/null; then
    PATH=$PATH:$PWD/.local/tools/bin
    command -v oha >/dev/null || cargo install --locked --root .local/tools oha@1.16.0 >&2
fi

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

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
# each request.
load() { # BASE PATH [SECONDS]: prints "requests/s p50 p99", latencies in ms; any failed request is a failure
    local base=$1 path=$2 seconds=${3:-$SECONDS_EACH} rate p50 p99 failed
    if [ "$GENERATOR" = wrk ]; then
        read -r rate p50 p99 failed < <(
            BENCH_METHOD=${METHOD:-GET} BENCH_HEADERS=${HEADERS:-} BENCH_BODY=${BODY:-} BENCH_PATH=$path BENCH_REPEAT=${REPEAT:-1} \
                wrk -t1 -c"$CONNECTIONS" -d"${seconds}s" --latency -s bench/wrk.lua "$base${path//\[0-9\]/1}" |
                sed -n 's/^MEASURED //p'
        ) || true
    else
        read -r rate p50 p99 failed < <(load_by_oha "$base" "$path" "$seconds") || true
    fi
    [ -n "${failed:-}" ] || die "no measurement of $path"
    [ "$failed" = 0 ] || die "$failed requests to $path failed"
    echo "$rate $p50 $p99"
}

load_by_oha() { # BASE PATH SECONDS: prints "requests/s p50 p99 failures"
    local url header headers=() bodies=$work/bodies
    case ${HEADERS:-} in *'[key]'*) die "oha cannot send another key with each request: install wrk" ;; esac
    case ${BODY:-} in *'[uuid]'*) die "oha cannot send another UUID with each request: install wrk" ;; esac
    python3 -c '
import random, re, sys
for _ in range(500):
    print(re.sub(r"\[0-9\]", lambda _: random.choice("0123456789"), sys.argv[1]))' "${BODY:-}" >"$bodies"
    # As a pattern, of which only the digits are meant.
    url=$(sed 's/[][.?*+(){}|^$\\]/\\&/g; s/\\\[0-9\\\]/[0-9]/g' <<<"$1$2")
    while IFS= read -r header; do [ -z "$header" ] || headers+=(-H "$header"); done <<<"${HEADERS:-}"
    oha --no-tui --output-format json -w -z "${3}s" -c "$CONNECTIONS" -m "${METHOD:-GET}" ${headers[@]+"${headers[@]}"} \
        ${BODY:+-Z "$bodies"} --rand-regex-url "$url" | python3 -c '
import json, sys
run = json.load(sys.stdin)
bad = sum(n for status, n in run["statusCodeDistribution"].items() if not status.startswith("2"))
bad += sum(run["errorDistribution"].values())
quantiles = run["latencyPercentiles"]
print(run["summary"]["requestsPerSec"], quantiles["p50"] * 1e3, quantiles["p99"] * 1e3, bad)'
}

# Sides are functions that make one short run and print numbers. In turn, so that all have the same share of whatever else
# happens on the machine; in another order each round.
alternate() { # SIDE...: their numbers are kept for `median`
    local round side sides=("$@")
    for side in "${sides[@]}"; do "$side" >/dev/null; done
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
