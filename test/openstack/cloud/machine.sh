# shellcheck shell=bash
# Whether this machine can carry the cloud, and the packages for it.

require_debian() {
  require_root
  # shellcheck disable=SC1091 # a file of the machine
  [[ $(. /etc/os-release && echo "$ID $VERSION_ID") == 'debian 12' ]] ||
    fail 'Debian 12 is needed: the scripts are made for its packages (OpenStack Zed)'
  command -v apt-get >/dev/null || fail 'apt-get is needed to install the packages'
  local mib
  mib=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
  ((mib >= 10000)) || fail "10 GB of memory are needed (6 for the services, the rest for servers); there are $mib MiB"
}

require_fit_kernel() {
  unshare --net --mount --pid --uts --ipc --fork true 2>/dev/null ||
    fail 'the kernel must allow network, mount and PID namespaces'
  unshare --net sh -c 'ip link add hb type bridge && ip link add hv type veth' 2>/dev/null ||
    fail 'the kernel must have Linux bridges and veth pairs'
  [[ -c /dev/net/tun ]] || fail '/dev/net/tun is needed for the ports of virtual machines'
  [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] ||
    fail 'the kernel must let iptables see what crosses bridges (modprobe br_netfilter): security groups rely on it'
}

missing_packages() {
  local package wanted
  mapfile -t wanted < <(grep -v -e '^#' -e '^$' "$here/packages")
  for package in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

install_missing_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} > 0)) || return 0
  say "installing missing packages (${#missing[@]} and what they depend on; all of them take about 3 minutes)"
  timed 'packages' apt_install "${missing[@]}"
}

apt_install() {
  local policy=/usr/sbin/policy-rc.d made=''
  # Without it dpkg would start the services on the machine itself.
  if [[ ! -e $policy ]]; then
    made=$policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive PATH=$system_path apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=900 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
  } </dev/null >"$log/install.log" 2>&1 || fail "installing failed; the end of $log/install.log:"$'\n'"$(tail -n 15 "$log/install.log")"
  if [[ -n $made ]]; then
    rm -f "$made"
    trap - EXIT
  fi
}
