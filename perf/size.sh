#!/usr/bin/env bash
# The release binary: its size when stripped, and the shared libraries it needs (ldd, without the loader and the vdso).
set -uo pipefail
source "$(dirname "$0")/lib.sh"

begin_perf size
BROKER_KIND=monolog
cp "$MONOLOG" "$WORK/monolog" && strip "$WORK/monolog"
record binary stripped "$(stat -c %s "$WORK/monolog" | awk '{ printf "%.2f", $1 / 1e6 }')" MB
ldd "$MONOLOG" | awk '/=>/ { print $1 }' >"$WORK/libraries"
record binary libraries "$(wc -l <"$WORK/libraries")" "$(paste -s -d ' ' "$WORK/libraries")"
strange=$(grep -v -E '^lib(c|m|gcc_s)\.so' "$WORK/libraries") && die "needs more than libc, libm and libgcc_s: $strange"
end_perf
