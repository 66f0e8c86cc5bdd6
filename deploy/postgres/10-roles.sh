#!/bin/sh
# Runs once, in an empty data folder: the database and its three roles. The product is never given
# the superuser that runs this.
set -eu

: "${OWNER_PASSWORD:?}" "${APP_PASSWORD:?}" "${PLATFORM_PASSWORD:?}"

psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres \
    --set=owner="$OWNER_PASSWORD" --set=app="$APP_PASSWORD" --set=platform="$PLATFORM_PASSWORD" <<'SQL'
CREATE ROLE auditsaas_owner LOGIN PASSWORD :'owner' NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
CREATE ROLE auditsaas_app LOGIN PASSWORD :'app' NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
CREATE ROLE auditsaas_platform LOGIN PASSWORD :'platform'
    NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
CREATE DATABASE auditsaas OWNER auditsaas_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE auditsaas FROM PUBLIC;
GRANT CONNECT ON DATABASE auditsaas TO auditsaas_app, auditsaas_platform;
SQL
