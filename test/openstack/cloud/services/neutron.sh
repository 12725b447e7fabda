# shellcheck shell=bash
# Linux bridges on one host: tenants' networks are local to it, `public` is the bridge br-ex with the cloud's own
# network namespace as the outside world at 172.24.4.1.

configure_neutron() {
  # A router's ports cannot be listed without port_forwarding. `env` for root: sudo would reset PATH, see wrappers/.
  cat >"$etc/neutron.conf" <<END
$(common_options neutron services service)
[DEFAULT]
bind_host = 127.0.0.1
core_plugin = ml2
service_plugins = router,port_forwarding
api_workers = 0
rpc_workers = 0
rpc_state_report_workers = 0
dhcp_agents_per_network = 1
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
[experimental]
linuxbridge = true
[nova]
$(credentials services service)
[placement]
$(credentials services service)
[agent]
root_helper = env
report_interval = 30
END
  configure_layer2
  configure_agents
}

configure_layer2() {
  cat >"$etc/ml2.ini" <<END
[ml2]
type_drivers = local,flat
tenant_network_types = local
mechanism_drivers = linuxbridge
extension_drivers = port_security
[ml2_type_flat]
flat_networks = public
END
  cat >"$etc/linuxbridge-agent.ini" <<END
[linux_bridge]
bridge_mappings = public:br-ex
[vxlan]
enable_vxlan = false
[securitygroup]
enable_security_group = true
firewall_driver = iptables
enable_ipset = true
END
}

configure_agents() {
  cat >"$etc/dhcp-agent.ini" <<END
[DEFAULT]
interface_driver = linuxbridge
enable_isolated_metadata = true
force_metadata = true
dhcp_driver = neutron.agent.linux.dhcp.Dnsmasq
END
  cat >"$etc/l3-agent.ini" <<END
[DEFAULT]
interface_driver = linuxbridge
END
  cat >"$etc/metadata-agent.ini" <<END
[DEFAULT]
nova_metadata_host = 127.0.0.1
metadata_proxy_shared_secret = $(secret metadata)
metadata_workers = 0
END
}

prepare_neutron() {
  create_database neutron
  neutron-db-manage --config-file "$etc/neutron.conf" --config-file "$etc/ml2.ini" upgrade head
}

start_neutron() { start neutron-server neutron-server --config-file "$etc/neutron.conf" --config-file "$etc/ml2.ini"; }

await_neutron() { await neutron-server 120 listens 9696; }

readonly network_agents=(linuxbridge dhcp l3 metadata)

start_network_agents() {
  local agent
  ensure_outside_bridge
  for agent in "${network_agents[@]}"; do
    PATH=$state/bin:$PATH start "neutron-$agent-agent" "neutron-$agent-agent" \
      --config-file "$etc/neutron.conf" --config-file "$etc/$agent-agent.ini"
  done
}

ensure_outside_bridge() {
  ! ip link show br-ex >/dev/null 2>&1 || return 0
  ip link add br-ex type bridge
  ip address add 172.24.4.1/24 dev br-ex
  ip link set br-ex up
}

await_network_agents() {
  local agent
  for agent in "${network_agents[@]}"; do
    await "neutron-$agent-agent" 120 agent_reports "neutron-$agent-agent"
  done
}

agent_reports() {
  sql "select 1 from neutron.agents where \`binary\` = '$1'
    and heartbeat_timestamp >= greatest($(since "$1"), utc_timestamp() - interval 75 second)"
}
