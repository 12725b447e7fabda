# shellcheck shell=bash

configure_placement() {
  cat >"$etc/placement.conf" <<END
$(common_options placement services service)
[placement_database]
connection = $(database_url placement)
[api]
auth_strategy = keystone
END
}

prepare_placement() {
  create_database placement
  placement-manage --config-file "$etc/placement.conf" db sync
}

start_placement() { OS_PLACEMENT_CONFIG_DIR=$etc start_wsgi placement 8778 /usr/bin/placement-api 1; }

await_placement() { await placement 90 listens 8778; }
