#!/usr/bin/env bash
# Brings what the tests and figures run beside kine: strace, h2load, node, PostgreSQL, PgBouncer, MariaDB, NATS, a Kerberos KDC and Prometheus
# from this system's packages, etcd 3.5 with etcdctl and etcdutl and MySQL 9 from a newer Debian release (unpacked into a folder of
# their own, never installed), and the npm client etcd3. Does nothing when all of it is there.
#
#   deploy/test-tools.sh            prints the tool folder as its last line
#   KINE_TEST_TOOLS=/some/folder    where the tools go; default ~/.cache/kine-test-tools
set -euo pipefail

tools=${KINE_TEST_TOOLS:-${HOME:-/root}/.cache/kine-test-tools}
etcd_series=3.5
mysql_series=9
npm_client=etcd3@1.1.2
mkdir -p "$tools/bin"

say() { echo "test-tools: $*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# The packages by a file each: the database servers are not on everybody's PATH.
packages=(
  strace:/usr/bin/strace
  nghttp2-client:/usr/bin/h2load
  sqlite3:/usr/bin/sqlite3
  postgresql:/usr/lib/postgresql/15/bin/postgres
  pgbouncer:/usr/sbin/pgbouncer
  mariadb-server:/usr/sbin/mariadbd
  nats-server:/usr/sbin/nats-server
  krb5-kdc:/usr/sbin/krb5kdc
  krb5-admin-server:/usr/sbin/kadmin.local
  krb5-user:/usr/bin/kinit
  prometheus:/usr/bin/promtool
)

# The tests start their own servers; the packages' services must not.
install_missing() {
  local missing=() package policy=/usr/sbin/policy-rc.d
  for package in "${packages[@]}"; do
    # shellcheck disable=SC2086 # the library folder is a pattern
    ls ${package#*:} > /dev/null 2>&1 || missing+=("${package%%:*}")
  done
  command -v node > /dev/null || missing+=(nodejs)
  command -v npm > /dev/null || missing+=(npm)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  as_root apt-get -qq update
  local own_policy=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy > /dev/null
    as_root chmod +x $policy
    own_policy=yes
  fi
  local status=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2 || status=$?
  [ -z "$own_policy" ] || as_root rm -f $policy
  return $status
}

# The mirror this machine already uses: the first Debian archive named in its own apt sources.
mirror() {
  { cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null || true; } \
    | awk '/^(URIs:|deb )/ { for (i = 2; i <= NF; i++) if ($i ~ /^(https?|file):\/.*\/debian\/?$/ && $i !~ /security/) { print $i; exit } }'
}

has_etcd() {
  [ -x "$tools/bin/etcd" ] && [ -x "$tools/bin/etcdctl" ] && [ -x "$tools/bin/etcdutl" ] && "$tools/bin/etcd" --version 2> /dev/null | grep -q "^etcd Version: $etcd_series\."
}

libraries() {
  local pkg
  for pkg; do dpkg-deb -f "$pkg" Depends | tr ',' '\n' | grep -oE '^ *(lib|zlib)[a-z0-9.+-]*'; done | sort -u
}

# Unpacks packages of another Debian release into a folder, with the libraries that they name. The system's own never change.
unpack() {
  local release=$1 root=$2 uri state pkg
  shift 2
  uri=$(mirror)
  [ -n "$uri" ] || { say "no Debian mirror in this machine's apt sources: put $* into $tools by hand"; return 1; }
  state=$tools/apt-$release
  rm -rf "$state" "$root"
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/packages"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $release main" > "$state/sources.list"
  local apt=(apt-get -qq
    -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  say "looking in Debian $release for $*"
  local status=0
  { "${apt[@]}" update >&2 && (cd "$state/packages" && "${apt[@]}" download "$@" >&2 && "${apt[@]}" download $(libraries *.deb) >&2); } || status=$?
  if [ $status = 0 ]; then
    for pkg in "$state"/packages/*.deb; do dpkg -x "$pkg" "$root"; done
  fi
  rm -rf "$state"
  return $status
}

# Sid has 3.5.30; a stable release further on has an older 3.5, which will do if it has etcdutl.
bring_etcd() {
  local release
  for release in sid trixie; do
    if unpack $release "$tools/etcd" etcd-server etcd-client; then
      cp "$tools"/etcd/usr/bin/etcd* "$tools/bin/"
      rm -rf "$tools/etcd"
      if has_etcd; then return 0; fi
      say "Debian $release brought no etcdutl, or $("$tools/bin/etcd" --version 2>&1 | head -n 1), not $etcd_series"
    fi
  done
  return 1
}

has_mysql() {
  [ -x "$tools/bin/mysqld" ] && "$tools/bin/mysqld" --version 2> /dev/null | grep -q "  Ver $mysql_series\."
}

# Its libraries come with it, the C library too: they are newer than the system's, and only it sees them.
bring_mysql() {
  unpack sid "$tools/mysql" mysql-server-core || return 1
  cat > "$tools/bin/mysqld" <<'END'
#!/bin/sh
root=$(dirname "$0")/../mysql/usr
for loader in "$root"/lib/*/ld-linux-*.so.*; do
  exec "$loader" --library-path "$(dirname "$loader")" "$root/sbin/mysqld" "$@" --basedir="$root"
done
END
  chmod +x "$tools/bin/mysqld"
  has_mysql || { say "Debian sid brought $("$tools/bin/mysqld" --version 2>&1 | head -n 1), not MySQL $mysql_series"; return 1; }
}

bring_npm_client() {
  [ -f "$tools/js/node_modules/etcd3/package.json" ] && return 0
  say "installing $npm_client"
  mkdir -p "$tools/js"
  (cd "$tools/js" && echo '{"private":true}' > package.json && npm install --no-audit --no-fund --loglevel=error "$npm_client" >&2)
}

install_missing
has_etcd || bring_etcd
has_mysql || bring_mysql
bring_npm_client
say "$("$tools/bin/etcd" --version | head -n 1), $("$tools/bin/mysqld" --version | grep -o 'Ver [0-9.]*'), node $(node --version), $(strace --version | head -n 1)"
echo "$tools"
