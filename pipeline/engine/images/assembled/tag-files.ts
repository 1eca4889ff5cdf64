// Entry points and settings of images that programs name by a tag, written anew: what their real images do for whoever starts them.

import { PUBLIC } from './registries.ts';

/** Debian's sources, as its own images have them. In a step with one user id apt has nobody else to become. */
export const debianSources = (suite: string) => `Types: deb
URIs: ${PUBLIC.debian}debian
Suites: ${suite} ${suite}-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: ${PUBLIC.debian}debian-security
Suites: ${suite}-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
export const APT_SETTINGS = `APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
`;
export const DPKG_SETTINGS = `force-unsafe-io
path-exclude=/usr/share/man/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
`;

/** In an image that has no apk. */
export const NO_APK = `#!/bin/sh
echo "apk: this image only stands in for Alpine, which no registry could give: it holds Debian's busybox, and no apk (debian:13 has apt-get)" >&2
exit 1
`;

/** On port 80, as root. */
export const NGINX_SERVER = `server {
  listen 80;
  listen [::]:80;
  server_name localhost;
  location / {
    root /usr/share/nginx/html;
    index index.html index.htm;
  }
}
`;

/** Nobody outside of a container of its own would get an answer otherwise. */
export const REDIS_ENTRYPOINT = `#!/bin/sh
set -eu
case \${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "\${1:-}" = redis-server ]; then
  shift
  case \${1:-} in *.conf) set -- redis-server "$@" ;; *) set -- redis-server "$@" --protected-mode no ;; esac
fi
exec "$@"
`;

/** POSTGRES_USER, POSTGRES_PASSWORD (or POSTGRES_HOST_AUTH_METHOD), POSTGRES_DB, PGDATA and /docker-entrypoint-initdb.d, as the official image has them. */
export const POSTGRES_ENTRYPOINT = `#!/bin/bash
set -eu
case \${1:-} in -*) set -- postgres "$@" ;; esac
if [ "\${1:-}" != postgres ]; then exec "$@"; fi
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
user=\${POSTGRES_USER:-postgres}
database=\${POSTGRES_DB:-$user}
method=\${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=\${POSTGRES_PASSWORD:-}
  if [ -n "\${POSTGRES_PASSWORD_FILE:-}" ]; then password=$(cat "$POSTGRES_PASSWORD_FILE"); fi
  if [ -z "$password" ] && [ "$method" != trust ]; then
    echo 'Error: Database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust' >&2
    exit 1
  fi
  initdb --username="$user" --pwfile=<(printf '%s\n' "\${password:-none}") --encoding=UTF8 --locale=C.UTF-8 \${POSTGRES_INITDB_ARGS:-}
  echo "host all all all $method" >>"$PGDATA/pg_hba.conf"
  # While it is prepared nobody reaches it but by its socket.
  pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses='' -c jit=off" --wait start
  if [ "$database" != postgres ]; then createdb --username="$user" --maintenance-db=postgres "$database"; fi
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) . "$file" ;;
      *.sql) psql --set=ON_ERROR_STOP=1 --no-psqlrc --username="$user" --dbname="$database" --file="$file" ;;
      *.sql.gz) gunzip -c "$file" | psql --set=ON_ERROR_STOP=1 --no-psqlrc --username="$user" --dbname="$database" ;;
    esac
  done
  pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
fi
shift
exec postgres -c listen_addresses='*' -c jit=off "$@"
`;
