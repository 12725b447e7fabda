# shellcheck shell=bash
# The cloud's own namespaces: network, mounts, processes, host name, IPC. All its daemons share them, so they see
# the same /run/netns (routers, DHCP), and all end with the first process.

readonly private_directories=(etc/ceph etc/libvirt var/lib/libvirt var/cache/libvirt var/log/libvirt)

ensure_namespaces() {
  if process_of holder >/dev/null && [[ -e $run/furnished ]]; then return; fi
  end_namespaces
  make_namespaces
  furnish || fail "the namespaces could not be furnished: $(cat "$log/namespaces.log")"
  : >"$run/furnished"
}

make_namespaces() {
  local parent pid=''
  # tini is the first process, since that one must bury the orphans.
  setsid unshare --net --mount --uts --ipc --pid --fork --mount-proc --propagation private \
    tini -s -- sleep infinity </dev/null >"$log/namespaces.log" 2>&1 9>&- &
  parent=$!
  for _ in {1..100}; do
    # By its name, which it has only when everything is unshared.
    if pid=$(pgrep -P $parent -x tini); then break; fi
    sleep 0.1
  done
  [[ -n $pid ]] || fail "no namespaces could be made: $(cat "$log/namespaces.log")"
  remember_process holder "$pid"
}

# The machine's files stay visible, except those which daemons write to or which would tell them about the machine.
furnish() {
  local directory
  printf '127.0.0.1 localhost cloud\n' >"$etc/hosts"
  : >"$etc/resolv.conf"
  for directory in "${private_directories[@]}"; do mkdir -p "$data/files/$directory" "/$directory"; done
  # shellcheck disable=SC2016 # the inner bash expands it
  nsenter -t "$(process_of holder)" -m -n -p -u -i -- bash -euc '
    etc=$1 files=$2
    shift 2
    hostname cloud
    ip link set lo up
    # Those are the groups of the machine; libvirt can do without.
    if mountpoint -q /sys/fs/cgroup; then umount -R /sys/fs/cgroup; fi
    # The bridge agent looks for devices in /sys/class/net.
    mount -t sysfs sysfs /sys
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/netns /run/lock /run/libvirt /run/mysqld /run/ceph
    mkdir -m 1777 /run/tmp
    mount --bind "$etc/hosts" /etc/hosts
    if [[ -e /etc/resolv.conf ]]; then mount --bind "$etc/resolv.conf" /etc/resolv.conf; fi
    for directory; do mount --bind "$files/$directory" "/$directory"; done
  ' furnish "$etc" "$data/files" "${private_directories[@]}" >>"$log/namespaces.log" 2>&1
}

# The kernel ends every process of a PID namespace whose first one ended.
end_namespaces() {
  local pid network
  if pid=$(process_of holder); then
    network=$(readlink "/proc/$pid/ns/net")
    kill -9 "$pid"
    while process_of holder >/dev/null; do sleep 0.05; done
    warn_of_guests "$network"
  fi
  rm -f "$run"/*.pid "$run/furnished"
}

# What was started with `enter` belongs to whoever started it.
warn_of_guests() {
  local guests
  guests=$(find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/net' -printf '%l %h\n' 2>/dev/null |
    grep -F "$1 " | grep -o '[0-9]*/ns$' | cut -d/ -f1 | paste -sd' ') || :
  [[ -z $guests ]] || say "processes that were started with enter still run in its network: $guests"
}
