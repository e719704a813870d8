#!/usr/bin/env bash
# Prints what this build costs beside an old one, each figure beside its limit, on servers that it starts: both in turns in one run, driven
# by the old build's own bench, which is the same for both and lighter than any server. Nothing else should run on the machine meanwhile.
#
#   deploy/figures-old.sh OLD_BUILD_DIR [OPTION...]      all of it: about an hour and a half
#
#   --only PART,PART...      some of:
#                              code        lines of production code, words of what was replaced, native libraries in the published program
#                              ready       the time to the first answer on an empty store
#                              idle        memory and CPU of an idle server
#                              cpu         server CPU per operation, 64 clients: get, list, put, create, update, watch fan-out
#                              alone       put by one client alone
#                              million     memory of a million keys: loaded, restarted, read by pages, updated by 64 clients
#                              leases      100,000 leases: memory, keep-alives, how late they end
#                              old-stores  creates on MariaDB and NATS, and the first answer after kill -9 with a million keys
#   --rounds N               rounds of each comparison (5)
#   --round-seconds N        time of each of these rounds (10)
#   --keys N                 keys of million and old-stores (1000000)
#   --update-seconds N       how long the million keys are updated (600)
#   --idle-seconds N         how long an idle server is watched (30)
#   --stores NAME,NAME...    databases of old-stores: some of postgres mariadb nats (mariadb,nats)
#
# OLD_BUILD_DIR holds the kine of a build of that time (dotnet publish Kine.Host -o OLD_BUILD_DIR). old-stores needs root, as figures-stores.sh
# does, and brings the client libraries that builds up to d327bb2 load. TMPDIR says where the data goes.
set -euo pipefail

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

old=
parts="code ready idle cpu alone million leases old-stores"
stores="mariadb nats"
while [ $# -gt 0 ]; do
  case $1 in
    --only) parts=${2//,/ } ;;
    --rounds) export FIGURES_ROUNDS=$2 ;;
    --round-seconds) export FIGURES_ROUND_SECONDS=$2 ;;
    --keys) export FIGURES_KEYS=$2 ;;
    --update-seconds) export FIGURES_SECONDS=$2 ;;
    --idle-seconds) export FIGURES_IDLE_SECONDS=$2 ;;
    --stores) stores=${2//,/ } ;;
    -*) usage ;;
    *) [ -z "$old" ] || usage; old=$1; shift; continue ;;
  esac
  shift 2
done
[ -x "$old/kine" ] || usage
FIGURES_OLD=$(realpath "$old/kine")
FIGURES_STORES=$stores
export FIGURES_OLD FIGURES_STORES
cd "$(dirname "$0")/.."

read -ra sections <<< "$parts"
case " $parts " in
  *" old-stores "*) ;;
  *) exec deploy/figures.sh "${sections[@]}" ;;
esac

libraries=()
for library in libmariadb3:libmariadb.so.3 libnats3.4:libnats.so.3.4; do
  ls /usr/lib/*/"${library#*:}" > /dev/null 2>&1 || libraries+=("${library%%:*}")
done
if [ ${#libraries[@]} -gt 0 ]; then
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${libraries[@]}" >&2
fi
exec deploy/figures-stores.sh "${sections[@]}"
