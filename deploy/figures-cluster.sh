#!/usr/bin/env bash
# Prints the promised figures of a cluster, each beside its limit: three processes on one PostgreSQL, which it starts on loopback ports with data in
# temporary folders, with PostgreSQL's default durability. As root, or as a user that may run PostgreSQL; test-tools.sh brings the package.
#
#   deploy/figures-cluster.sh                  all of it
#   deploy/figures-cluster.sh takeover reads   some of:
#     takeover   kill -9 of the process that writes: until the next write is answered
#     clean      SIGTERM of it: the longest that a write takes meanwhile
#     pause      it stands still for twice its lease under load: stale reads, lost and doubled writes
#     rolling    each process is restarted under 200 creates a second: errors, lost and doubled creates
#     idle       transactions a second against the database, memory
#     reads      gets, pages and creates through a process that does not write, beside the one that does
#     watch      from a write on one process to the watch on another
#     million    memory and takeover with a million keys
#
# Variables:
#   FIGURES_KILLS            how often the writer is killed, stopped and paused (20)
#   FIGURES_KEYS             keys of million (1000000)
#   FIGURES_ROUNDS           rounds of reads (5)
#   FIGURES_ROUND_SECONDS    time of each of these rounds, and of watch (10)
#   FIGURES_IDLE_SECONDS     how long the idle processes are watched (30)
#   TMPDIR                   where the data goes: it should be the kind of disk that the figures are about
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/test-tools.sh > /dev/null
sections=("$@")
[ ${#sections[@]} -gt 0 ] || sections=(takeover clean pause rolling idle reads watch million)
exec deploy/figures.sh --kills "${FIGURES_KILLS:-20}" "${sections[@]/#/cluster-}"
