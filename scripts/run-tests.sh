#!/usr/bin/env bash
# Runs all tests and prints what was skipped and why, and the counts.
# MEDALLION_TESTS_COUNTS names a file that gets "passed failed skipped".
set -u
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export MEDALLION_TESTS_SKIPPED=$work/skipped
: >"$MEDALLION_TESTS_SKIPPED"

cargo build --workspace --bins || { echo "0 passed, 1 failed, 0 skipped (does not build)"; exit 1; }
cargo test --workspace --no-fail-fast "$@" 2>&1 | tee "$work/output"
status=${PIPESTATUS[0]}

read -r passed failed ignored < <(awk '/^test result:/ { p += $4; f += $6; i += $8 } END { print p + 0, f + 0, i + 0 }' "$work/output")
unavailable=$(wc -l <"$MEDALLION_TESTS_SKIPPED")
passed=$((passed - unavailable))
skipped=$((ignored + unavailable))
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1 # a test program that did not build or died
if [ "$skipped" -gt 0 ]; then
  printf '\nSKIPPED:\n'
  sed 's/^/  /' "$MEDALLION_TESTS_SKIPPED"
  grep -E '^test .* \.\.\. ignored' "$work/output" | sed 's/^test /  /'
fi
[ -z "${MEDALLION_TESTS_COUNTS:-}" ] || echo "$passed $failed $skipped" >"$MEDALLION_TESTS_COUNTS"
printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
exit "$status"
