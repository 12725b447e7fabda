# shellcheck shell=bash

configure_nova() {
  mkdir -p "$data/nova/instances"
  cat >"$etc/nova.conf" <<END
$(common_options nova services service)
[DEFAULT]
my_ip = 127.0.0.1
osapi_compute_listen = 127.0.0.1
metadata_listen = 127.0.0.1
osapi_compute_workers = 1
metadata_workers = 1
enabled_apis = osapi_compute,metadata
compute_driver = libvirt.LibvirtDriver
instances_path = $data/nova/instances
cpu_allocation_ratio = 16
ram_allocation_ratio = 1
reserved_host_memory_mb = 0
resume_guests_state_on_host_boot = true
[api_database]
connection = $(database_url nova_api)
[conductor]
workers = 1
[scheduler]
workers = 1
[api]
auth_strategy = keystone
[glance]
api_servers = http://127.0.0.1:9292
[cinder]
catalog_info = volumev3::publicURL
os_region_name = RegionOne
$(credentials services service)
[placement]
$(credentials services service)
[neutron]
service_metadata_proxy = true
metadata_proxy_shared_secret = $(secret metadata)
$(credentials services service)
[service_user]
send_service_user_token = true
$(credentials services service)
[vnc]
enabled = false
[spice]
enabled = false
[libvirt]
virt_type = qemu
cpu_mode = none
images_type = qcow2
disk_cachemodes = file=unsafe,network=writeback
END
  # A compute node refuses to work when it could reach the database.
  grep -v '^connection = ' "$etc/nova.conf" >"$etc/nova-compute.conf"
}

prepare_nova() {
  local database manage=(nova-manage --config-file "$etc/nova.conf")
  for database in nova nova_api nova_cell0; do create_database $database; done
  "${manage[@]}" api_db sync
  "${manage[@]}" cell_v2 map_cell0 --database_connection "$(database_url nova_cell0)"
  "${manage[@]}" cell_v2 list_cells | grep -q cell1 || "${manage[@]}" cell_v2 create_cell --name cell1
  "${manage[@]}" db sync
}

start_nova() {
  local daemon
  for daemon in nova-conductor nova-api nova-scheduler; do start $daemon $daemon --config-file "$etc/nova.conf"; done
}

await_nova() {
  await nova-api 120 listens 8774
  await nova-conductor 120 nova_reports nova-conductor
  await nova-scheduler 120 nova_reports nova-scheduler
}

start_compute() {
  # Without its libvirtd it takes itself out of service, until its next round a minute later.
  if [[ $run/libvirtd.pid -nt $run/nova-compute.pid ]]; then stop nova-compute; fi
  start nova-compute nova-compute --config-file "$etc/nova-compute.conf"
}

await_compute() {
  await nova-compute 120 nova_reports nova-compute
  # The scheduler would find the new host by itself, but half a minute later.
  once nova-discover-hosts nova-manage --config-file "$etc/nova.conf" cell_v2 discover_hosts
}

nova_reports() {
  sql "select 1 from nova.services where \`binary\` = '$1' and deleted = 0 and disabled = 0
    and last_seen_up >= greatest($(since "$1"), utc_timestamp() - interval 60 second)"
}
