#!/bin/sh
# The official image's first start, for one user and one database.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?is not set: the official image refuses to start without it, and so does this one}"
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
    initdb --username="$user" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 >/dev/null
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses=''" start >/dev/null
    [ "$database" = postgres ] || createdb --username="$user" "$database"
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sql) psql --set=ON_ERROR_STOP=1 --username="$user" --dbname="$database" --file="$script" ;;
            *.sh) POSTGRES_USER=$user POSTGRES_DB=$database sh "$script" ;;
        esac
    done
    pg_ctl --wait --mode=fast stop >/dev/null
fi
exec "$@" -c listen_addresses='*'
