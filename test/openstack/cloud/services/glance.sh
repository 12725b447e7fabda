# shellcheck shell=bash

configure_glance() {
  mkdir -p "$data"/glance/{images,staging,tasks}
  cat >"$etc/glance-api.conf" <<END
$(common_options glance services service)
[DEFAULT]
bind_host = 127.0.0.1
workers = 0
enabled_backends = file:file
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $data/glance/images
[os_glance_staging_store]
filesystem_store_datadir = $data/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir = $data/glance/tasks
[paste_deploy]
flavor = keystone
END
}

prepare_glance() {
  create_database glance
  glance-manage --config-file "$etc/glance-api.conf" db_sync
}

start_glance() { start glance-api glance-api --config-file "$etc/glance-api.conf"; }

await_glance() { await glance-api 90 listens 9292; }
