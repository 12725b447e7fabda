# shellcheck shell=bash

mariadb_client() { mariadb --no-defaults --socket=/run/mysqld/mysqld.sock "$@"; }

# PyMySQL knows no other name for the three-byte utf8 that the services' tables need.
database_url() { printf 'mysql+pymysql://root@127.0.0.1/%s?charset=utf8' "$1"; }

start_mariadb() {
  once mariadb-tables mariadb-install-db --no-defaults --user=root --datadir="$data/mariadb" \
    --auth-root-authentication-method=normal --skip-test-db
  start mariadb mariadbd --no-defaults --user=root --datadir="$data/mariadb" --bind-address=127.0.0.1 \
    --socket=/run/mysqld/mysqld.sock --default-time-zone=+00:00 --skip-log-bin --innodb-flush-log-at-trx-commit=0 \
    --innodb-buffer-pool-size=256M --max-connections=400 --performance-schema=OFF
}

await_mariadb() { await mariadb 60 mariadb_client -e 'select 1'; }

create_database() { mariadb_client -e "create database if not exists $1 character set utf8mb3"; }
