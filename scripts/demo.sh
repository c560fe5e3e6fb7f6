#!/usr/bin/env bash
# Builds Medallion and shows it: taxi trips in, somebody else's client reads them back, the sums agree.
#   TRIPS=file     trips of New York's Taxi and Limousine Commission (CSV or Parquet); made up from a seed without it
#   REPEAT=n       reads the file n times, each time five weeks later
#   DEMO=once      ends by itself; otherwise trips go on flowing until Ctrl-C
# kcat is that client; it is installed by apt where that is allowed, and the demo says so when it is missing.
set -eu
cd "$(dirname "$0")/.."

if ! command -v kcat >/dev/null 2>&1 && ! command -v kafkacat >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
  as_root=
  [ "$(id -u)" -eq 0 ] || as_root='sudo -n'
  echo "kcat is not here: trying to install it with apt-get" >&2
  $as_root apt-get install -y -qq --no-install-recommends kcat >/dev/null 2>&1 ||
    { $as_root apt-get update -qq >/dev/null 2>&1 && $as_root apt-get install -y -qq --no-install-recommends kcat >/dev/null 2>&1; } || true
fi

cargo build -p medallion-cli
exec "${CARGO_TARGET_DIR:-target}/debug/medallion" demo
