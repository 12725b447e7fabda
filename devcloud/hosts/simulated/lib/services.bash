# shellcheck shell=bash
# Which units of a host are stopped: a file each under kernel/stopped. Sourced.
# shellcheck disable=SC2154,SC2034 # from and for the scripts that source this with host.bash

# REPLY: a unit's own name.
unit_name() {
  REPLY=${1%.service}
  case $REPLY in
    nfs-kernel-server | nfs) REPLY=nfs-server ;;
    sshd) REPLY=ssh ;;
    smb | samba) REPLY=smbd ;;
  esac
}

is_unit() { [[ $1 == @(nfs-server|nfs-mountd|nfs-idmapd|nfsdcld|rpcbind|rpc-statd|smbd|ssh|systemd-networkd|systemd-udevd) ]]; }

is_active() { is_unit "$1" && [[ ! -e $kernel/stopped/$1 ]]; }
