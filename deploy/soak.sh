#!/usr/bin/env bash
# Explores for as long as asked: the tests that draw random numbers (differential beside etcd, kills, faults, chaos, watches, followers, silos, index, garbage),
# again and again, each round with another seed. A find is printed with the seed that repeats it, and ends the run with 1. Setting up is as in test.sh.
#
#   deploy/soak.sh 20                     twenty minutes, from a seed of the clock's
#   deploy/soak.sh 20 --seed 4711         from that seed on
#   deploy/soak.sh 20 --filter Nats       only the tests whose full name holds Nats, too
#   KINE_CHAOS_MINUTES=10 deploy/soak.sh 60 --filter Chaos   each database's chaos for ten minutes at a time instead of one round of 60 s
#   KINE_TEST_SEED=4711 deploy/test.sh --filter NAME     repeats a find
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
minutes=${1:-}
[[ $minutes =~ ^[0-9]+$ ]] || usage
shift
seed=$(($(date +%s) % 1000000))
only=
while [ $# -gt 0 ]; do
  case $1 in
    --seed) seed=${2:?a number}; shift ;;
    --filter) only=${2:?a part of a test name}; shift ;;
    *) usage ;;
  esac
  shift
done

deploy/test-tools.sh > /dev/null
dotnet build Kine.sln -c Release --nologo -v quiet

# In turns, so that a short run has seen something of each kind.
kinds=(KeyIndex PackedRows ValueCache WatchFollower WatchSlowReader RemoteWatch Replica Silo Garbage BoltFile Differential Kill Fault Chaos)
# A test that is silent for longer hangs.
hang=$((20 + 2 * ${KINE_CHAOS_MINUTES:-0}))
end=$(($(date +%s) + minutes * 60))
rounds=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while [ "$(date +%s)" -lt "$end" ]; do
  for kind in "${kinds[@]}"; do
    left=$((end - $(date +%s)))
    [ "$left" -gt 0 ] || break
    status=0
    KINE_TEST_SEED=$seed dotnet test Kine.Tests -c Release --no-build --nologo --blame-hang-timeout "${hang}m" --blame-hang-dump-type none \
      --filter "FullyQualifiedName~$kind${only:+&FullyQualifiedName~$only}" > "$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
      cat "$log"
      echo "soak: $kind found something with KINE_TEST_SEED=$seed"
      exit 1
    fi
    echo "soak: $kind, seed $seed: $(grep -E '^Passed!' "$log" | grep -oE 'Passed: +[0-9]+' || echo 'no test')"
    rounds=$((rounds + 1))
  done
  seed=$((seed + 1))
done
echo "soak: $rounds rounds in $minutes minutes, nothing found"
