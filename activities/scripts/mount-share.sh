# shellcheck shell=bash
# mount-share SHARE-ID SERIAL PATH FSTYPE WAIT-SECONDS [MODE]
# Mounts the device now and at each boot; the root of a new file system gets its MODE.
root=${HAWSER_ROOT:-}
share=$1 device=$root/dev/disk/by-id/virtio-$2 path=$3 fstype=$4 wait=$5 mode=${6:-}
fstab=$root/etc/fstab

await_device "$device" "$wait"

# Before anything is written: somebody else's file system stays as it is.
mounted=$(top_mount SOURCE "$root$path")
if [[ -n $mounted ]] && ! is_from "$mounted" "$device"; then
  echo "$path holds another file system ($mounted); unmount it first" >&2
  exit 65
fi

line=$(fstab_line "$2" '' "$path" "$fstype" "$share")

mkdir --parents "$root/run/lock"
exec 9>"$root/run/lock/hawser-fstab"
flock 9
if ! grep --quiet --fixed-strings --line-regexp -- "$line" "$fstab"; then
  others=$(grep --invert-match --extended-regexp "[ ,]x-hawser\.share=${share//./\\.}[ ,]" "$fstab" || [[ $? == 1 ]])
  replace "$fstab" "${others:+$others$'\n'}$line"$'\n'
fi
flock --unlock 9

# A resize whose connection was lost may still be at work on the device.
resize=$root/run/lock/hawser-resize-$2
[[ ! -e $resize ]] || flock "$resize" true

mkdir --parents "$root$path"
sync "$root${path%/*}"
[[ -n $mounted ]] || mount -t "$fstype" "$device" "$root$path"
[[ -z $mode ]] || chmod "$mode" "$root$path"
