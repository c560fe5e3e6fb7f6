# Everything that people and CI run. Build output stays outside the clone unless CARGO_TARGET_DIR says otherwise.
cache := $(or $(MEDALLION_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/medallion)
export CARGO_TARGET_DIR ?= $(cache)/target

.PHONY: help demo test setup verify fix bench bench-clients bench-groups bench-registry soak fuzz differential

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

demo: ## Show a pipeline of taxi trips (TRIPS=file, REPEAT=n, DEMO=once ends by itself)
	@bash scripts/demo.sh

setup: ## Bring other people's clients and Apache Kafka for the tests
	@bash scripts/setup-tests.sh

test: setup ## Run all tests and print their counts
	@bash scripts/run-tests.sh

verify: ## Check format, lints and documentation; writes nothing
	cargo fmt --all --check
	cargo fmt --manifest-path tests/clients/rust/Cargo.toml --check
	cargo fmt --manifest-path bench/clients/Cargo.toml --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --document-private-items --quiet

fix: ## Format, and mend what clippy can
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
	cargo fmt --all
	cargo fmt --manifest-path tests/clients/rust/Cargo.toml
	cargo fmt --manifest-path bench/clients/Cargo.toml

bench: setup ## Compare with Apache Kafka and Apicurio Registry on this machine (PAIRS=7)
	@python3 bench/run.py
	@python3 bench/registry.py

bench-registry: setup ## Only the schema registry beside Apicurio's (PAIRS=1)
	@python3 bench/registry.py

bench-clients: setup ## The Rust client beside librdkafka and Java's (ROUNDS=7, SERVER=medallion)
	@python3 bench/clients.py --rounds $(or $(ROUNDS),7) --server $(or $(SERVER),medallion)

bench-groups: setup ## The same where groups are large or many (PAIRS=1)
	@python3 bench/groups.py

soak: setup ## Crash and restart for long (ROUNDS=1000, RESTART_GIB=10)
	cargo build --bins
	MEDALLION_CRASH_ROUNDS=$(or $(ROUNDS),1000) cargo test -p medallion-tests --test crash -- --nocapture
	@python3 bench/restart.py

fuzz: ## Run the property and fuzz tests with many cases (CASES=100000, SECONDS=60 for each, SEEDS=10000)
	FUZZ_SECONDS=$(or $(SECONDS),60) PROPTEST_CASES=$(or $(CASES),100000) MEDALLION_LOG_SEEDS=$(or $(SEEDS),10000) \
		cargo test -p medallion-wire -p medallion-log -p medallion-os -p medallion-group -p medallion-settings
	MEDALLION_CLIENT_SEEDS=$(or $(SEEDS),10000) cargo test -p medallion-client --lib

differential: setup ## Hold answers against Apache Kafka's with many made requests (CASES=40, SEED=n, ONLY=api)
	cargo build --bin medallion
	MEDALLION_DIFFERENTIAL_CASES=$(or $(CASES),40) MEDALLION_DIFFERENTIAL_SEED=$(or $(SEED),20261125) \
		MEDALLION_DIFFERENTIAL_ONLY=$(ONLY) cargo test -p medallion-tests --test differential -- --nocapture
