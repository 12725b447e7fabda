# shellcheck shell=bash
# unmount-share SHARE-ID PATH [SERIAL]
# Unmounts for real, never lazily: a volume must not be detached under a mounted file system.
root=${HAWSER_ROOT:-}
share=$1 path=$2 serial=${3:-}
disk=$root/dev/disk/by-id/virtio-$serial
fstab=$root/etc/fstab

# The NFS server holds what clients have open after the export is gone. Since Linux 6.9 it lets go of this file system alone.
release_nfs() {
  { echo "$root$path" >"$root/proc/fs/nfsd/unlock_filesystem"; } 2>/dev/null || :
}

# Before, a client is forgotten whole who has something open here, with its locks on other shares.
forget_clients() {
  local nfsd=$root/proc/fs/nfsd device=$1 client
  [[ -d $nfsd/clients ]] || return 0
  for client in "$nfsd"/clients/*/; do
    if grep --quiet --fixed-strings "superblock: \"$device:" "$client/states" 2>/dev/null; then
      { echo expire >"$client/ctl"; } 2>/dev/null || :
    fi
  done
}

# Whether what is seen at the path is the share's: where its disk is named, from that, or from one that is gone.
is_ours() {
  local top
  top=$(top_mount SOURCE "$root$path")
  [[ -n $top ]] && { [[ -z $serial ]] || is_from "$top" "$disk"; }
}

# What is mounted there from another disk is left alone.
if ! is_ours && mountpoint --quiet "$root$path"; then
  ! findmnt --source "$disk" --mountpoint "$root$path" >/dev/null || {
    echo "$path is covered by another file system ($(top_mount SOURCE "$root$path")); unmount that first" >&2
    exit 75
  }
  exit 0
fi

while is_ours; do
  IFS=: read -r major minor < <(mountpoint --fs-devno "$root$path")
  printf -v device '%02x:%02x' "$major" "$minor"
  for ((tries = 0; tries < 20; tries++)); do
    ! umount "$root$path" 2>/dev/null || continue 2
    forget_exports
    release_nfs
    ((tries == 0)) || forget_clients "$device"
    sleep 0.5
  done
  echo "$path is busy: $(fuser --verbose --mount "$root$path" 2>&1 | tr '\n' ' ')" >&2
  exit 75
done

mkdir --parents "$root/run/lock"
exec 9>"$root/run/lock/hawser-fstab"
flock 9
if grep --quiet --extended-regexp "[ ,]x-hawser\.share=${share//./\\.}[ ,]" "$fstab"; then
  others=$(grep --invert-match --extended-regexp "[ ,]x-hawser\.share=${share//./\\.}[ ,]" "$fstab" || [[ $? == 1 ]])
  replace "$fstab" "${others:+$others$'\n'}"
fi
flock --unlock 9
# Nobody asks any more how its latest freeze ended.
rm --force "$root/run/lock/hawser-freeze-$share" "$root/run/lock/hawser-freeze-$share.lock"
# Somebody's files that were below the mount stay.
[[ ! -d $root$path ]] || mountpoint --quiet "$root$path" || rmdir --ignore-fail-on-non-empty "$root$path"
