#!/usr/bin/env bash
# Prints the promised figures of the database stores, each beside its limit, on PostgreSQL, MariaDB and NATS servers that it starts on
# loopback ports with data in temporary folders, and with their own default durability (NATS: not synced at each write). As root, since
# these servers want users of their own; test-tools.sh brings the packages.
#
#   deploy/figures-stores.sh                          all of it
#   deploy/figures-stores.sh stores                   creates, reads and watches; stores-million: restarts with a million keys
#                                                     old-stores: beside the old build of FIGURES_OLD (see figures-old.sh)
#   FIGURES_STORES="postgres nats"                    some of: postgres mariadb nats
#
# The variables of figures.sh apply.
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/test-tools.sh > /dev/null
folder=$(mktemp -d)
chmod 755 "$folder"
servers=()
cleanup() {
  local server
  for server in "${servers[@]}"; do kill "$server" 2> /dev/null || true; done
  wait
  rm -rf "$folder"
}
trap cleanup EXIT

next=$((20000 + RANDOM % 10000))
port() {
  while (echo > "/dev/tcp/127.0.0.1/$next") 2> /dev/null; do next=$((next + 1)); done
  next=$((next + 1))
  echo $((next - 1))
}

# Runs a server as a user, until the script ends.
serve() {
  local user=$1 log=$2
  shift 2
  setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@" > "$folder/$log" 2>&1 &
  servers+=($!)
}

await() {
  local try
  for try in $(seq 100); do
    if (echo > "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then return 0; fi
    sleep 0.2
  done
  echo "figures-stores: no server answers on port $1 after $try tries" >&2
  tail -n 20 "$folder"/*.log >&2
  return 1
}

postgres() {
  local bin
  bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
  install -d -o postgres "$folder/postgres"
  setpriv --reuid postgres --regid postgres --clear-groups "$bin/initdb" -D "$folder/postgres/data" -A trust -U postgres > /dev/null
  serve postgres postgres.log "$bin/postgres" -D "$folder/postgres/data" -p "$1" -h 127.0.0.1 -k "$folder/postgres"
  store="postgres=postgres://postgres@127.0.0.1:$1/{}?sslmode=disable"
}

mariadb() {
  install -d -o mysql "$folder/mariadb"
  mariadb-install-db --no-defaults --user=mysql --datadir="$folder/mariadb/data" --auth-root-authentication-method=normal --skip-test-db > /dev/null 2>&1
  serve mysql mariadb.log /usr/sbin/mariadbd --no-defaults --datadir="$folder/mariadb/data" --socket="$folder/mariadb/socket" \
    --pid-file="$folder/mariadb/pid" --bind-address=127.0.0.1 --port="$1"
  store="mariadb=mysql://root@tcp(127.0.0.1:$1)/{}"
}

nats() {
  install -d -o nobody "$folder/nats"
  serve nobody nats.log /usr/sbin/nats-server -js -sd "$folder/nats" -a 127.0.0.1 -p "$1"
  store="nats=nats://127.0.0.1:$1?noEmbed&bucket={}"
}

stores=()
for name in ${FIGURES_STORES:-postgres mariadb nats}; do
  number=$(port)
  "$name" "$number"
  await "$number"
  stores+=(--store "$store")
done

sections=("$@")
[ ${#sections[@]} -gt 0 ] || sections=(stores stores-million)
deploy/figures.sh "${stores[@]}" "${sections[@]}"
