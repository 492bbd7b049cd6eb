# For the measurements of the shop: its data, and what is there before each run.
# shellcheck shell=bash
. bench/storage.sh

shop_data() { # Each time, so that no product is ever sold out
    LOG_FORMAT=text RUST_LOG=warn "$BIN/server" migrate
    sql -f impl/shop/bench/data.sql
    no_orders
}

# Nothing of the run before: no orders and no stream.
no_orders() {
    sql -c "TRUNCATE orders, order_items, order_events, outbox, reservations, stock_entries, idempotency_keys"
    redis FLUSHALL >/dev/null
}

redis() { # WORD...: the answer, in the form of the protocol; for answers of one line
    local place=${REDIS_URL#redis://} password answer
    password=${place%@*} place=${place##*@}
    password=${password#*:} place=${place%%/*}
    exec 9<>"/dev/tcp/${place%:*}/${place##*:}"
    printf 'AUTH %s\r\n%s\r\n' "$password" "$*" >&9
    { read -r answer && read -r answer; } <&9
    exec 9>&-
    case $answer in -*) die "redis: $answer" ;; esac
    echo "${answer%$'\r'}"
}
