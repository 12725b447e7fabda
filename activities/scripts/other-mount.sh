# shellcheck shell=bash
# other-mount PATH [SERIAL]
# Prints what is mounted at PATH when that is not the disk of this serial; nothing otherwise. Changes nothing.
root=${HAWSER_ROOT:-}
path=$1 disk=$root/dev/disk/by-id/virtio-${2:-}

source=$(top_mount SOURCE "$root$path")
[[ -n $source ]] || exit 0
! is_from "$source" "$disk" || exit 0
if [[ -e $disk ]]; then
  ! findmnt --source "$disk" --mountpoint "$root$path" >/dev/null || {
    echo "$path is covered by another file system ($source); unmount that first" >&2
    exit 75
  }
fi
echo "$source"
