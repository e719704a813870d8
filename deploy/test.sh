#!/usr/bin/env bash
# Sets up what the tests need, builds, and runs them all. As root on a Debian 12 with the .NET 10 SDK it needs nothing else; the first
# run brings the tools (test-tools.sh says which and where to). The last line is the sum: N passed, N failed, N skipped.
#
#   deploy/test.sh                  everything
#   deploy/test.sh --filter NAME    only the tests whose full name holds NAME
set -euo pipefail
cd "$(dirname "$0")/.."

filter=()
while [ $# -gt 0 ]; do
  case $1 in
    --filter) filter=(--filter "${2:?a part of a test name}"); shift ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

command -v dotnet > /dev/null || { echo "deploy/test.sh: the .NET 10 SDK (dotnet) is not on the PATH" >&2; exit 1; }
deploy/test-tools.sh > /dev/null
dotnet build Kine.sln -c Release --nologo -v quiet

results=TestResults
rm -rf "$results"

# Runs the tests of a filter in a process of their own. Those that share one run one after the other; a lane of ports keeps it out of the other's way.
run() {
  local lane=$1 name=$2
  shift 2
  KINE_TEST_LANE=$lane dotnet test Kine.Tests -c Release --no-build "$@" \
    --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=detailed" --results-directory "$results" \
    --blame-hang-timeout 20m --blame-hang-dump-type none
}

# Much of what the databases' tests do is to wait for leases and starts, which leaves the processor to the others.
status=0
if [ ${#filter[@]} -gt 0 ]; then
  run 0 tests "${filter[@]}" || status=$?
else
  run 1 databases --filter "FullyQualifiedName~Kine.Tests.Databases|FullyQualifiedName~Kine.Tests.Cluster" &
  run 0 tests --filter "FullyQualifiedName!~Kine.Tests.Databases&FullyQualifiedName!~Kine.Tests.Cluster" || status=$?
  wait $! || status=$?
fi

counter() { grep -ohE '<Counters [^>]*>' "$results"/*.trx 2> /dev/null | grep -oE " $1=\"[0-9]+\"" | grep -oE '[0-9]+' | awk '{ sum += $1 } END { print sum + 0 }'; }
passed=$(counter passed)
failed=$(counter failed)
skipped=$(( $(counter total) - passed - failed ))
# A test host that died has counted nothing as failed; neither has a run that found no test.
# Once more at the end, where a log that was cut still shows it: what failed, and why.
awk '
  /<UnitTestResult / { name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name); shown = 0 }
  /<UnitTestResult .*outcome="Failed"/ { print "failed: " name; failed = 1 }
  failed && /<ErrorInfo>/ { error = 1 }
  error && shown++ < 30 { print "    " substr($0, 1, 400) }
  /<\/ErrorInfo>/ { error = 0 }
  /<\/UnitTestResult>/ { failed = 0 }
' "$results"/*.trx 2> /dev/null || true
if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
