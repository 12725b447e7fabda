# shellcheck shell=bash
# fstab_line SERIAL UUID PATH FSTYPE SHARE-ID: the share's line. By its volume, since a copy that a snapshot began has its
# source's UUID until it is renewed; by UUID where SERIAL is -, on no volume.
fstab_line() {
  local disk=/dev/disk/by-id/virtio-$1
  [[ $1 != - ]] || disk=UUID=$2
  echo "$disk $3 $4 defaults,nofail,x-hawser.share=$5 0 2"
}
