# For the measurements of tasks: their data.
# shellcheck shell=bash
. bench/storage.sh

tasks_data() { # Once; the folder is kept
    LOG_FORMAT=text RUST_LOG=warn "$BIN/server" migrate
    local users
    users=$(size 1000 10)
    [ "$(sql -c 'SELECT count(*) FROM tasks WHERE id >= 100100')" = "${users}00" ] || sql -v "users=$users" -f impl/tasks/bench/data.sql
}
