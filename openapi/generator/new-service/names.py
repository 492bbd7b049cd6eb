"""Names that a service may have, and words that none may have."""

import re

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 30  # of a role in Postgres 63 bytes are told apart, the owner's name included
# What the server does beside serving, crates that are there, and words of Rust and SQL that no module and no table can be called by.
COMMANDS = "all gateway migrate verify health prometheus help"
CRATES = "alloc core std test proc-macro contract platform backends dev server services testkit bench common kitchen-sink"
RUST = ("abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let "
        "loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof unsafe unsized "
        "use virtual where while yield")
SQL = ("all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column "
       "concurrently constraint create cross current-catalog current-date current-role current-schema current-time current-timestamp "
       "current-user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having "
       "ilike in initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not "
       "notnull null offset on only or order outer overlaps placing primary references returning right select session-user similar "
       "some symmetric system-user table tablesample then to trailing true union unique user using variadic verbose when where window "
       "with")
# Modules that every crate made here has.
MODULES = "queries users login"
RESERVED = set(f"{COMMANDS} {CRATES} {RUST} {SQL} {MODULES}".split())


def camel(name):
    """As a type in Rust."""
    return "".join(word.capitalize() for word in re.split("[-_]", name))
