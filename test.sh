#!/usr/bin/env bash
# Runs all tests and checks, or only the named ones:
#
#   lint       lints the OpenAPI documents and their compatibility with the released ones; migrations, wording, file sizes, dependencies
#   codegen    generated files are up to date
#   fmt        formatting
#   clippy     Rust lints, warnings denied
#   tests      unit and integration tests, on a temporary Postgres and Redis
#   ha         failovers of Postgres and Redis under load: nothing acknowledged is lost (Debian only; loads packages)
#   oracle     random schemas and values: the interpreter, and servers that are generated from them, say the same as an independent validator
#   contract   contract tests of every operation against its document (schemathesis)
#   browser    the documentation pages in a headless Chromium
#   monitoring alert rules, and every query of dashboards and rules on a real Prometheus
#   compose    compose.yaml, Dockerfile and the manifests of Kubernetes, without a container engine and without a cluster
#   bench      one tiny round of every benchmark: whether it runs, not how fast
#   services   creates services, from templates and from foreign documents, serves, tests and removes them
#   upgrade    replaces the last release by this one under load, as the operations page says
#   guides     executes every guide as it is written
#   sdk        the generated clients: built, type-checked, and used against running services, with their traffic validated (Prism)
#
#   ./test.sh [PIECE...] [--long]     --long: contract tests with many more cases, experiments at full size, other random schemas
#
# Pieces after a failed one still run. Logs are in .local/test/.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
command -v cargo >/dev/null || PATH=$PATH:$HOME/.cargo/bin

PIECES="lint codegen fmt clippy tests ha oracle contract browser monitoring compose bench services upgrade guides sdk"
LOGS=.local/test
DEV=${CARGO_TARGET_DIR:-target}/debug/dev

usage() { sed -n '2,${/^#/!q;s/^# \{0,1\}//;p;}' "$0"; }

# The same packages for each piece: with others cargo would choose other features, and rebuild much.
build() { cargo build --locked --workspace --bins --examples; }

piece_lint() { build && .ci/tidy && .ci/words && .ci/migrations && .ci/migrations --test && ./codegen.sh lint && ./codegen.sh rules && ./codegen.sh compat --check; }
piece_codegen() { ./codegen.sh --check; }
piece_fmt() { cargo fmt --all --check; }
piece_clippy() { cargo clippy --workspace --all-targets --all-features --locked -- -D warnings; }
piece_tests() {
    # Everything is built before the servers start, so that they do not wait for it.
    build || return
    local run=(cargo test --workspace --exclude ha --locked --no-fail-fast) doc=(:) profile=()
    [ "${1-}" != --long ] || { export EXPERIMENT_LONG=1; profile=(--profile long); }
    if cargo nextest --version >/dev/null 2>&1; then
        run=(cargo nextest run --workspace --exclude ha --locked --no-fail-fast ${profile[@]+"${profile[@]}"})
        doc=(cargo test --workspace --exclude ha --locked --no-fail-fast --doc)
        cargo nextest run --workspace --exclude ha --locked --no-run || return
    fi
    "$DEV" with-backends --no-fsync -- "${run[@]}"
    local outcome=$?
    "${doc[@]}" && return $outcome
}
# Two tests at a time, which mostly wait: each starts a dozen servers.
piece_ha() {
    build || return
    local run=(cargo test -p ha --locked --no-fail-fast -- --test-threads 2)
    [ "${1-}" != --long ] || export EXPERIMENT_LONG=1
    ! cargo nextest --version >/dev/null 2>&1 || run=(cargo nextest run -p ha --locked --no-fail-fast -j 2 --profile ha)
    "${run[@]}"
}
piece_oracle() {
    local documents=75 seed=0 served=20 target=${CARGO_TARGET_DIR:-$PWD/target}/oracle
    [ "${1-}" != --long ] || documents=2500 seed=$((RANDOM * 100000)) served=150
    CARGO_TARGET_DIR=$target ORACLE_DOCUMENTS=$documents ORACLE_SEED=$seed \
        cargo test --locked --manifest-path impl/validation/oracle/Cargo.toml -- --nocapture &&
        CARGO_TARGET_DIR=$target impl/validation/oracle/served/run "$seed" "$served"
}
piece_contract() { build && openapi/contract-tests/run "$@"; }
piece_monitoring() { build && monitoring/tests/run; }
piece_compose() {
    build || return
    gateway/compose-tests/run
    local outcome=$?
    gateway/kubernetes-tests/run && return $outcome
}
piece_browser() { build && openapi/browser-tests/run; }
piece_bench() { build && bench/run --smoke; }
piece_services() { build && openapi/new-service-tests/run; }
piece_upgrade() { build && impl/dev/tests/upgrade/run "$@"; }
# The one that removes every service compiles everything anew: with --long only.
piece_guides() {
    local guides=()
    if [ "${1-}" != --long ]; then
        for guide in docs/guides/*.md; do [ "$guide" = docs/guides/starting-your-own-product.md ] || guides+=("$guide"); done
    fi
    build && .ci/guides ${guides[@]+"${guides[@]}"}
}
piece_sdk() { build && ./codegen.sh sdk && openapi/client-tests/run; }

# Prints "PASSED FAILED" as the runners in a log count them; one check for a piece that does not count.
counts() { # LOG OUTCOME
    sed $'s/\033\\[[0-9;]*m//g' "$1" | awk -v outcome="$2" '
        function number(word,    text) { # the number before a word
            text = $0
            if (!match(text, "[0-9]+ " word)) return 0
            return substr(text, RSTART, RLENGTH) + 0
        }
        /^ *Summary \[.*tests? run:/ || /^test result: / || /^(contract|browser|monitoring|compose|kubernetes|bench|new-service|guides|sdk): / {
            passed += number("passed"); failed += number("failed") + number("timed out"); counted = 1
        }
        END {
            if (!counted && outcome == 0) passed = 1
            if (outcome != 0 && failed == 0) failed = 1
            print passed + 0, failed + 0
        }'
}

# Prints which tests failed as a log tells it, and the last of what they said: a log's own end is often another test's.
failures() { # LOG LINES
    local plain
    plain=$(sed $'s/\033\\[[0-9;]*m//g' "$1" | cut -c -240)
    # nextest: "        FAIL [   0.1s] (7/569) tasks::service pages::x"; cargo test: "test pages::x ... FAILED".
    grep -E '^ *(TRY [0-9]+ |FLAKY )?(FAIL|TIMEOUT|SIG[A-Z]+|ABORT|[0-9/]+) \[|^test .* \.\.\. FAILED$|^FAILED  |^(not so|no number|against the document|not called): ' <<<"$plain" | sed 's/^ *//' | awk '!told[$0]++' | head -n 40
    awk '/panicked at / { left = 12 } /^ *(PASS|TRY|DELAY|stack backtrace)/ { left = 0 } left > 0 { print "  " $0; left -= 1 }' <<<"$plain" | tail -n "$2"
}

long="" wanted=""
for argument in "$@"; do
    case " $PIECES " in
        *" $argument "*) wanted="$wanted $argument" ;;
        *) case $argument in
            --long) long=--long ;;
            --help | -h) usage; exit ;;
            *) usage >&2; printf '\nno such piece: %s\n' "$argument" >&2; exit 2 ;;
        esac ;;
    esac
done

mkdir -p "$LOGS"
trap 'exit 130' INT
trap 'exit 143' TERM
summary="" told="" passed=0 failed=0
for piece in ${wanted:-$PIECES}; do
    printf '%-10s ' "$piece"
    begun=$SECONDS
    log=$LOGS/$piece.log
    # shellcheck disable=SC2086  # no argument when it is empty
    "piece_$piece" $long >"$log" 2>&1
    outcome=$?
    read -r good bad <<<"$(counts "$log" $outcome)"
    passed=$((passed + good)) failed=$((failed + bad))
    verdict=ok
    [ $outcome -eq 0 ] && [ "$bad" -eq 0 ] || verdict=FAILED
    printf '%-6s %4d s\n' $verdict $((SECONDS - begun))
    if [ $verdict != ok ]; then
        { failures "$log" 60; echo ...; tail -n 25 "$log"; } | sed 's/^/    /'
        printf '    (all of it: %s)\n' "$log"
        told=$told$(printf '%s:\n' "$piece"; failures "$log" 20)$'\n'
    elif grep -q '^ *.\{0,9\}FLAKY' "$log"; then
        # It passed the second time, and is to be mended all the same.
        told=$told$(printf '%s, not each time:\n' "$piece"; failures "$log" 20)$'\n'
    fi
    summary=$summary$(printf '%-10s %-6s %5d passed %4d failed %5d s' "$piece" $verdict "$good" "$bad" $((SECONDS - begun)))$'\n'
done

# Once more at the end: of a long output the end is what is kept.
[ -z "$told" ] || printf '\nfailed, once at least:\n%s' "$told"
printf '\n%s\n%d passed, %d failed\n' "$summary" "$passed" "$failed"
[ "$failed" -eq 0 ]
