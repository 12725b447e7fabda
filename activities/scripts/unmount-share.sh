# shellcheck shell=bash
# unmount-share SHARE-ID PATH [SERIAL]
# Unmounts for real, never lazily: a volume must not be detached under a mounted file system.
root=${HAWSER_ROOT:-}
share=$1 path=$2 serial=${3:-}
disk=$root/dev/disk/by-id/virtio-$serial
fstab=$root/etc/fstab

# The NFS server holds what clients have open after the export is gone; their leases on it are ended.
release_nfs() {
  local nfsd=$root/proc/fs/nfsd device=$1 client
  [[ -d $nfsd/clients ]] || return 0
  { echo "$root$path" >"$nfsd/unlock_filesystem"; } 2>/dev/null || :
  for client in "$nfsd"/clients/*/; do
    if grep --quiet --fixed-strings "superblock: \"$device:" "$client/states" 2>/dev/null; then
      echo expire >"$client/ctl"
    fi
  done
}

# What is mounted there from another disk is not the share's.
mounted=$(findmnt --noheadings --output SOURCE --mountpoint "$root$path") || mounted=''
if [[ -n $serial && -n $mounted && -e $disk && $(readlink -f "$mounted") != $(readlink -f "$disk") ]]; then
  exit 0
fi

if mountpoint --quiet "$root$path"; then
  IFS=: read -r major minor < <(mountpoint --fs-devno "$root$path")
  printf -v device '%02x:%02x' "$major" "$minor"
  for ((tries = 0; tries < 20; tries++)); do
    umount "$root$path" 2>/dev/null && break
    exportfs -f
    release_nfs "$device"
    sleep 0.5
  done
  if mountpoint --quiet "$root$path"; then
    echo "$path is busy: $(fuser --verbose --mount "$root$path" 2>&1 | tr '\n' ' ')" >&2
    exit 75
  fi
fi

mkdir --parents "$root/run/lock"
exec 9>"$root/run/lock/hawser-fstab"
flock 9
if grep --quiet --extended-regexp "[ ,]x-hawser\.share=${share//./\\.}[ ,]" "$fstab"; then
  grep --invert-match --extended-regexp "[ ,]x-hawser\.share=${share//./\\.}[ ,]" "$fstab" >"$fstab.hawser" || [[ $? == 1 ]]
  sync "$fstab.hawser"
  mv "$fstab.hawser" "$fstab"
  sync "${fstab%/*}"
fi
flock --unlock 9
[[ ! -d $root$path ]] || rmdir "$root$path"
