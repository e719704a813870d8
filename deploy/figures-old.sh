#!/usr/bin/env bash
# Prints what this build costs beside an old one, each figure beside its limit, on servers that it starts: both in turns in one run, driven
# by the old build's own bench, which is the same for both. Server CPU per operation, one client alone, creates and the first answer after
# kill -9 on MariaDB and NATS; then what has a limit of its own: start, an idle server, and the memory of a million keys.
# Needs root, as figures-stores.sh does, and whatever the old build needs to run. Nothing else should run on the machine meanwhile.
#
#   deploy/figures-old.sh OLD_KINE                     all of it: about an hour and a half
#   deploy/figures-old.sh OLD_KINE old old-stores      some of: ready idle old million old-stores
#   FIGURES_STORES="nats"                              the databases of old-stores: some of postgres mariadb nats
#
# OLD_KINE is the kine program of a build of that time (dotnet publish Kine.Host). The variables of figures.sh apply.
set -euo pipefail
old=$(realpath "${1:?the kine program of the old build}")
shift
cd "$(dirname "$0")/.."

sections=("$@")
[ ${#sections[@]} -gt 0 ] || sections=(ready idle old million old-stores)
FIGURES_OLD=$old FIGURES_STORES=${FIGURES_STORES:-mariadb nats} exec deploy/figures-stores.sh "${sections[@]}"
