# For the measurements of page views: how they come to be there.
# shellcheck shell=bash
. bench/storage.sh

seed() { # BASE ROWS: page views of a hundred paths; prints the answer. What is busy is asked again
    curl --silent --show-error --fail --retry 10 --request POST "$1/api/p3/analytics/seed?rows=$2&unique_paths=100"
}
