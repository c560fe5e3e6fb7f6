#!/usr/bin/env bash
# Builds Medallion and shows it: taxi trips in, somebody else's client reads them back, the sums agree.
#   TRIPS=file     trips of New York's Taxi and Limousine Commission (CSV or Parquet); made up from a seed without it
#   REPEAT=n       reads the file n times, each time five weeks later
#   DEMO=once      ends by itself; otherwise trips go on flowing until Ctrl-C
# kcat is that client; it is installed by apt where that is allowed, and the demo says so when it is missing. Trips in Avro are
# read by confluent-kafka for Python.
set -eu
cd "$(dirname "$0")/.."

if ! command -v kcat >/dev/null 2>&1 && ! command -v kafkacat >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
  as_root=
  [ "$(id -u)" -eq 0 ] || as_root='sudo -n'
  echo "kcat is not here: trying to install it with apt-get" >&2
  $as_root apt-get install -y -qq --no-install-recommends kcat >/dev/null 2>&1 ||
    { $as_root apt-get update -qq >/dev/null 2>&1 && $as_root apt-get install -y -qq --no-install-recommends kcat >/dev/null 2>&1; } || true
fi

# Python's client and its Avro deserializer, in a folder of their own; without them the demo reads by its own client and says so.
cache=${MEDALLION_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/medallion}
python=$cache/demo-python
if [ -z "${MEDALLION_DEMO_PYTHON:-}" ]; then
  if ! "$python/bin/python" -c 'import confluent_kafka.schema_registry.avro' >/dev/null 2>&1; then
    echo "bringing confluent-kafka for Python" >&2
    rm -rf "$python"
    python3 -m venv "$python" >/dev/null 2>&1 &&
      "$python/bin/pip" install -q --only-binary :all: 'confluent-kafka[avro,schemaregistry]==2.16.1' >/dev/null 2>&1 || true
  fi
  export MEDALLION_DEMO_PYTHON=$python/bin/python
fi

cargo build -p medallion-cli
exec "${CARGO_TARGET_DIR:-target}/debug/medallion" demo
