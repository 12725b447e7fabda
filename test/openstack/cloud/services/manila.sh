# shellcheck shell=bash
# The generic driver as it ships, to compare with. It owns its things in a project of its own, and its service network
# lies beside Hawser's, so that both can be plugged into one router of a tenant.

configure_manila() {
  cat >"$etc/manila.conf" <<END
$(common_options manila manila manila)
[DEFAULT]
osapi_share_listen = 127.0.0.1
osapi_share_workers = 1
auth_strategy = keystone
api_paste_config = /etc/manila/api-paste.ini
rootwrap_config = /etc/manila/rootwrap.conf
enabled_share_backends = generic,single
enabled_share_protocols = NFS,CIFS
default_share_type = generic
[nova]
$(credentials manila manila)
[neutron]
$(credentials manila manila)
[cinder]
$(credentials manila manila)
[glance]
$(credentials manila manila)
[generic]
$(generic_driver generic)
driver_handles_share_servers = true
interface_driver = manila.network.linux.interface.BridgeInterfaceDriver
connect_share_server_to_tenant_network = false
manila_service_keypair_name = manila-service
service_image_name = manila-service-image
service_instance_flavor_id = 100
service_network_cidr = 10.252.0.0/16
[single]
$(generic_driver single)
driver_handles_share_servers = false
service_instance_name_or_id = existing-nas
service_net_name_or_ip = existing-net
tenant_net_name_or_ip = existing-net
END
}

# generic_driver BACKEND   What both ways to use the driver have: servers of its own for each network, and one that is
# there before (which it waits for, for as long as there is none).
generic_driver() {
  cat <<END
share_driver = manila.share.drivers.generic.GenericShareDriver
share_backend_name = $1
service_instance_user = manila
path_to_private_key = $data/manila/id
path_to_public_key = $data/manila/id.pub
service_instance_smb_config_path = /etc/samba/smb.conf
max_time_to_build_instance = 900
cinder_volume_type = rbd
END
}

prepare_manila() {
  create_database manila
  manila-manage --config-file "$etc/manila.conf" db sync
  rm -f "$data"/manila/id{,.pub}
  ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -C manila -f "$data/manila/id"
}

start_manila() {
  local daemon
  for daemon in manila-api manila-scheduler manila-share; do start $daemon $daemon --config-file "$etc/manila.conf"; done
}

await_manila() {
  await manila-api 120 listens 8786
  await manila-scheduler 120 manila_reports manila-scheduler
  await manila-share 120 manila_reports manila-share
}

manila_reports() {
  sql "select 1 from manila.services where \`binary\` = '$1' and deleted = 0
    and updated_at >= greatest($(since "$1"), utc_timestamp() - interval 60 second)"
}
