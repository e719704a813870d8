#!/usr/bin/env bash
# Prints each promised figure beside its limit, on servers that it starts on loopback ports with data in temporary folders.
#
#   deploy/figures.sh                        all sections
#   deploy/figures.sh ready idle page        some: ready idle million page compact compact-calls leases compare
#   deploy/figures-stores.sh                 those of PostgreSQL, MariaDB and NATS, on servers that it starts too
#   deploy/figures-cluster.sh                those of three processes on one PostgreSQL
#   deploy/figures-old.sh OLD_BUILD_DIR      what this build costs beside an old one
#
# Variables:
#   ETCD_BIN                 etcd 3.5 to compare with (default: the one that test-tools.sh brought)
#   FIGURES_OLD              the kine program of an old build, for the sections cpu, alone and old-stores; ready and idle note its figures
#   FIGURES_SECONDS          how long 64 clients update the million keys (600)
#   FIGURES_COMPACT_EVERY    seconds between compactions meanwhile, as a kube-apiserver makes them every 300 (0 = none)
#   FIGURES_KEYS             keys of the large stores (1000000)
#   FIGURES_ROUNDS           rounds of each comparison with etcd or an old build (5)
#   FIGURES_ROUND_SECONDS    time of each of these rounds (10)
#   FIGURES_IDLE_SECONDS     how long an idle server is watched (30)
#   FIGURES_COMPACT_SECONDS  time of each of the runs with and without compaction (60)
#   TMPDIR                   where the data goes: it should be the kind of disk that the figures are about
set -euo pipefail
cd "$(dirname "$0")/.."

dotnet build Kine.Tests -c Release --nologo -v q -clp:NoSummary >&2
kine=$PWD/Kine.Host/bin/Release/net10.0/kine

tools=${KINE_TEST_TOOLS:-${HOME:-/root}/.cache/kine-test-tools}
etcd=${ETCD_BIN:-$tools/bin/etcd}
arguments=(--kine "$kine" --rounds "${FIGURES_ROUNDS:-5}" --seconds "${FIGURES_SECONDS:-600}" --compact-every "${FIGURES_COMPACT_EVERY:-0}" --keys "${FIGURES_KEYS:-1000000}"
  --round-seconds "${FIGURES_ROUND_SECONDS:-10}" --compact-seconds "${FIGURES_COMPACT_SECONDS:-60}" --idle-seconds "${FIGURES_IDLE_SECONDS:-30}")
if [ -x "$etcd" ]; then
  arguments+=(--etcd "$etcd")
fi

if [ -n "${FIGURES_OLD:-}" ]; then
  arguments+=(--old "$FIGURES_OLD")
fi

exec Kine.Tests/bin/Release/net10.0/Kine.Tests "${arguments[@]}" "$@"
