# shellcheck shell=bash

configure_cinder() {
  # A snapshot could not be deleted while a volume made from it depends on it: hence flattened.
  cat >"$etc/cinder.conf" <<END
$(common_options cinder services service)
[DEFAULT]
osapi_volume_listen = 127.0.0.1
osapi_volume_workers = 1
auth_strategy = keystone
enabled_backends = rbd
default_volume_type = rbd
glance_api_servers = http://127.0.0.1:9292
my_ip = 127.0.0.1
api_paste_config = /etc/cinder/api-paste.ini
rootwrap_config = /etc/cinder/rootwrap.conf
[nova]
$(credentials services service)
[service_user]
send_service_user_token = true
$(credentials services service)
[coordination]
backend_url = file://$data/cinder
[rbd]
volume_driver = cinder.volume.drivers.rbd.RBDDriver
volume_backend_name = rbd
rbd_pool = volumes
rbd_ceph_conf = /etc/ceph/ceph.conf
rbd_flatten_volume_from_snapshot = true
END
}

prepare_cinder() {
  create_database cinder
  cinder-manage --config-file "$etc/cinder.conf" db sync
}

start_cinder() {
  local daemon
  for daemon in cinder-api cinder-scheduler cinder-volume; do start $daemon $daemon --config-file "$etc/cinder.conf"; done
}

await_cinder() {
  await cinder-api 120 listens 8776
  await cinder-scheduler 120 cinder_reports cinder-scheduler
  await cinder-volume 120 cinder_reports cinder-volume
}

cinder_reports() {
  sql "select 1 from cinder.services where \`binary\` = '$1' and deleted = 0
    and updated_at >= greatest($(since "$1"), utc_timestamp() - interval 60 second)"
}
