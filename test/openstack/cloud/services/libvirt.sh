# shellcheck shell=bash

configure_libvirt() {
  cat >"$etc/libvirtd.conf" <<END
auth_unix_rw = "none"
unix_sock_group = "root"
END
  # Seen as /etc/libvirt in the cloud: libvirtd reads it from there only. "file", as no virtlogd runs.
  cat >"$data/files/etc/libvirt/qemu.conf" <<END
user = "root"
group = "root"
dynamic_ownership = 0
security_driver = "none"
stdio_handler = "file"
cgroup_controllers = []
namespaces = []
END
}

start_libvirt() { PATH=$state/bin:$PATH start libvirtd libvirtd --config "$etc/libvirtd.conf"; }

await_libvirt() { await libvirtd 60 virsh -c qemu:///system version; }
