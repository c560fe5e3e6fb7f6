#!/usr/bin/env bash
# Brings what the tests need beside Rust: Apache Kafka (peer and judge), other people's clients, promtool.
# All of it goes to a cache folder outside the clone; a second run takes a second. What cannot be had is named in
# $cache/missing/NAME, and the tests that need it say so and are counted as skipped.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
cache=${MEDALLION_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/medallion}/tests
clients=$top/tests/clients
# The last one is the oldest that clients talk to.
kafka_versions="4.3.1 4.2.2 4.1.2 4.0.2 2.1.1"

mkdir -p "$cache/missing" "$cache/log"
exec 9>"$cache/.lock"
flock 9

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
missing() { # NAME REASON
  printf '%s\n' "$2" >"$cache/missing/$1"
  say "MISSING $1: $2"
}
# Runs a command with its output kept in a log; on failure shows its end.
quietly() { # NAME COMMAND...
  local name=$1
  shift
  if "$@" >"$cache/log/$name" 2>&1; then return 0; fi
  tail -n 15 "$cache/log/$name" | sed "s/^/setup: $name: /"
  return 1
}
stamp() { cat "$@" 2>/dev/null | sha256sum | cut -d' ' -f1; }
fresh() { [ "$(cat "$cache/$1.stamp" 2>/dev/null)" = "$2" ]; }

install_packages() {
  local wanted=()
  { have java && have javac; } || wanted+=(default-jdk-headless)
  have mvn || wanted+=(maven)
  have go || wanted+=(golang)
  have node || wanted+=(nodejs)
  have npm || wanted+=(npm)
  have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
  have kcat || wanted+=(kcat)
  [ ${#wanted[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
    say "please install: ${wanted[*]} (names of Debian's packages); tests that need them are skipped"
    return 0
  fi
  say "installing ${wanted[*]}"
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-update apt-get -o DPkg::Lock::Timeout=300 update -q
  # One by one where all at once fails, so that one absent package costs only its own tests.
  quietly apt apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${wanted[@]}" && return 0
  for package in "${wanted[@]}"; do
    quietly "apt-$package" apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "$package"
  done
}

# Jars stay in Maven's own repository; the class path of each version is kept.
setup_kafka() { # VERSION
  local version=$1 path=$cache/kafka-$1.classpath profile=() jar
  if [ -s "$path" ] && fresh "kafka-$version" "$(stamp "$clients/java/pom.xml")"; then
    local whole=yes
    for jar in $(tr : ' ' <"$path"); do [ -f "$jar" ] || whole=no; done
    [ $whole = no ] || return 0
  fi
  { have mvn && have java; } || { missing "kafka-$version" "Apache Kafka $version needs java and maven"; return; }
  [ "$version" != 4.3.1 ] || profile=(-Ptools)
  [ "$version" != 2.1.1 ] || profile=(-Pold)
  say "Apache Kafka $version"
  for attempt in 1 2 3; do
    quietly "kafka-$version" mvn -q -B -f "$clients/java/pom.xml" "${profile[@]}" "-Dkafka.version=$version" \
      dependency:build-classpath "-Dmdep.outputFile=$path.new" && break
    sleep $((attempt * 2))
  done
  [ -s "$path.new" ] || { missing "kafka-$version" "Maven could not bring Apache Kafka $version"; return; }
  mv "$path.new" "$path"
  stamp "$clients/java/pom.xml" >"$cache/kafka-$version.stamp"
}

setup_java() {
  local sources=("$clients"/java/*.java) path=$cache/kafka-4.3.1.classpath
  local now
  now=$(stamp "${sources[@]}" "$path")
  fresh java "$now" && return 0
  have javac && [ -s "$path" ] || { missing java "Kafka's tools need a JDK and Apache Kafka's jars"; return; }
  rm -rf "$cache/java"
  quietly java javac -cp "$(cat "$path")" -d "$cache/java" "${sources[@]}" || { missing java "the programs of tests/clients/java do not compile"; return; }
  echo "$now" >"$cache/java.stamp"
}

setup_python() {
  local now
  now=$(stamp "$clients/python/requirements.txt")
  fresh python "$now" && "$cache/python/bin/python" -c 'import aiokafka, confluent_kafka.schema_registry, kafka' 2>/dev/null && return 0
  have python3 || { missing python "needs python3 with venv"; return; }
  say "Python clients"
  rm -rf "$cache/python"
  quietly python python3 -m venv "$cache/python" \
    && quietly python "$cache/python/bin/pip" install --only-binary :all: -r "$clients/python/requirements.txt" \
    || { missing python "pip could not install the Python clients"; return; }
  echo "$now" >"$cache/python.stamp"
}

setup_node() {
  local now
  now=$(stamp "$clients/node/package-lock.json")
  fresh node "$now" && [ -d "$cache/node/node_modules/@confluentinc/schemaregistry" ] && return 0
  { have node && have npm; } || { missing node "needs nodejs and npm"; return; }
  say "Node clients"
  mkdir -p "$cache/node"
  cp "$clients/node/package.json" "$clients/node/package-lock.json" "$cache/node/"
  quietly node npm --prefix "$cache/node" ci --no-audit --no-fund || { missing node "npm could not install the Node clients"; return; }
  echo "$now" >"$cache/node.stamp"
}

setup_go() {
  local now
  now=$(stamp "$clients"/go/*/*.go "$clients/go/go.mod" "$clients/go/go.sum")
  fresh go "$now" && [ -x "$cache/franz-go" ] && [ -x "$cache/franz-go-sr" ] && [ -x "$cache/franz-go-serdes" ] && [ -x "$cache/sarama" ] && return 0
  have go || { missing go "needs golang"; return; }
  say "Go clients"
  (cd "$clients/go" && quietly go go build -o "$cache/franz-go" ./franz && quietly go go build -o "$cache/sarama" ./sarama \
    && quietly go go build -o "$cache/franz-go-sr" ./sr && quietly go go build -o "$cache/franz-go-serdes" ./serdes) \
    || { missing go "the Go clients do not build ($(go version | cut -d' ' -f3); they need the Go of tests/clients/go/go.mod)"; return; }
  echo "$now" >"$cache/go.stamp"
}

# Confluent's own clients of schema registries in Go and Java, apart from the others: they bring much with them.
setup_go_confluent() {
  local source=$clients/go-confluent now
  now=$(stamp "$source"/*.go "$source/go.mod" "$source/go.sum")
  fresh go-confluent "$now" && [ -x "$cache/confluent-go" ] && return 0
  { have go && have gcc; } || { missing go-confluent "needs golang and gcc"; return; }
  say "Confluent's Go client"
  (cd "$source" && quietly go-confluent go build -o "$cache/confluent-go" .) \
    || { missing go-confluent "Confluent's Go client does not build ($(go version | cut -d' ' -f3))"; return; }
  echo "$now" >"$cache/go-confluent.stamp"
}

setup_java_confluent() {
  local source=$clients/java-confluent home=$cache/java-confluent now
  now=$(stamp "$source"/*.java "$source/pom.xml")
  fresh java-confluent "$now" && return 0
  { have mvn && have javac; } || { missing java-confluent "needs a JDK and maven"; return; }
  say "Confluent's Java client"
  rm -rf "$home" && mkdir -p "$home"
  quietly java-confluent-jars mvn -q -B -f "$source/pom.xml" dependency:build-classpath "-Dmdep.outputFile=$home/classpath" \
    && quietly java-confluent-javac javac -cp "$(cat "$home/classpath")" -d "$home/classes" "$source"/*.java \
    || { missing java-confluent "Maven could not bring Confluent's Java client, or its program does not compile"; return; }
  echo "$now" >"$cache/java-confluent.stamp"
}

# A build of its own, which compiles librdkafka once.
setup_rust() {
  local now
  now=$(stamp "$clients"/rust/src/*.rs "$clients"/rust/src/bin/*.rs "$clients/rust/Cargo.toml" "$clients/rust/Cargo.lock")
  fresh rust "$now" && [ -x "$cache/rdkafka-client" ] && [ -x "$cache/registry-client" ] && return 0
  { have cargo && have gcc && have make; } || { missing rust "needs cargo, gcc and make"; return; }
  say "Rust clients (librdkafka takes a minute)"
  quietly rust cargo build --locked --manifest-path "$clients/rust/Cargo.toml" --target-dir "$cache/rust" \
    && install "$cache/rust/debug/rdkafka-client" "$cache/rdkafka-client" \
    && install "$cache/rust/debug/registry-client" "$cache/registry-client" \
    || { missing rust "the clients on the crates rdkafka and schema_registry_converter do not build"; return; }
  echo "$now" >"$cache/rust.stamp"
}

# Apicurio Registry, of which only the libraries with its rules are kept. The last line of releases that runs on Java 17.
setup_apicurio() { # SOURCES HOME
  local version=2.6.13.Final plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
  { have mvn && have javac; } || { missing schema-judges-apicurio "needs a JDK and maven"; return; }
  mkdir -p "$2"
  # In the folder itself, where Maven leaves its marks.
  (cd "$2" && quietly apicurio mvn -q -B "$plugin:unpack" "-DoutputDirectory=$2" \
    "-Dartifact=io.apicurio:apicurio-registry-app:$version:tar.gz:all") \
    && quietly apicurio-javac javac -cp "$2/lib/*" -d "$2/classes" "$1"/*.java \
    && rm -f "$2"/*.jar \
    || missing schema-judges-apicurio "Maven could not bring Apicurio Registry, or its judge does not compile"
}

# What others make of the schemas of tests/clients/schema-judges: Avro's Java library, Python's, Apicurio Registry.
setup_schema_judges() {
  local judges=$clients/schema-judges home=$cache/schema-judges now
  now=$(stamp "$judges"/*.* "$judges"/apicurio/*)
  fresh schema-judges "$now" && return 0
  rm -rf "$home" && mkdir -p "$home"
  say "judges of schemas"
  if have mvn && have javac; then
    quietly schema-judges-jars mvn -q -B -f "$judges/pom.xml" dependency:build-classpath "-Dmdep.outputFile=$home/classpath" \
      && quietly schema-judges-javac javac -cp "$(cat "$home/classpath")" -d "$home/java" "$judges"/*.java \
      || missing schema-judges-java "Maven could not bring Avro's Java library, or its judge does not compile"
  else
    missing schema-judges-java "needs a JDK and maven"
  fi
  setup_apicurio "$judges/apicurio" "$home/apicurio"
  quietly schema-judges-venv python3 -m venv "$home/python" \
    && quietly schema-judges-pip "$home/python/bin/pip" install --only-binary :all: -r "$judges/requirements.txt" \
    || missing schema-judges-python "pip could not install Avro's Python libraries"
  [ -e "$cache/missing/schema-judges-java" ] || [ -e "$cache/missing/schema-judges-apicurio" ] || [ -e "$cache/missing/schema-judges-python" ] || echo "$now" >"$cache/schema-judges.stamp"
}

# Only the one program is unpacked: installing the package would start a server.
setup_promtool() {
  have promtool && { ln -sf "$(command -v promtool)" "$cache/promtool"; return 0; }
  [ -x "$cache/promtool" ] && return 0
  have apt-get && have dpkg-deb || { missing promtool "needs promtool (Prometheus)"; return; }
  say "promtool"
  rm -rf "$cache/prometheus" && mkdir -p "$cache/prometheus"
  # A fresh machine has no lists of packages, unless something else was installed above.
  apt-get download --print-uris prometheus >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ] ||
    quietly apt-update apt-get -o DPkg::Lock::Timeout=300 update -q
  (cd "$cache/prometheus" && quietly promtool apt-get download prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb) \
    && ln -sf "$cache/prometheus/usr/bin/promtool" "$cache/promtool" \
    || missing promtool "apt could not bring Debian's package prometheus"
}

install_packages
rm -f "$cache"/missing/*
for version in $kafka_versions; do setup_kafka "$version"; done
setup_java
setup_python
setup_node
setup_go
setup_go_confluent
setup_java_confluent
setup_rust
setup_schema_judges
setup_promtool
have kcat || missing kcat "needs kcat"
exit 0
