# shellcheck shell=bash
# resize-file-system SERIAL GIB WAIT-SECONDS
# Makes the unmounted file system on the device GIB large. When its data needs more it prints how much, in bytes, and moves nothing.
root=${HAWSER_ROOT:-}
serial=$1 gib=$2 wait=$3
device=$root/dev/disk/by-id/virtio-$serial

await_device "$device" "$wait"

begin_resizing "$serial"

# 1: what was wrong was put right
logged e2fsck -f -p "$device" || [[ $? == 1 ]] || exit 1

read_superblock "$device"
minimum=$(resize2fs -P "$device" 2>/dev/null | sed --quiet 's/.*: *//p')
wanted=$((gib * 1073741824 / block_size))
if ((wanted < block_count && wanted < minimum)); then
  echo $((minimum * block_size))
  exit
fi

# In a session of its own: interrupted in the middle it would leave a broken file system.
logged setsid resize2fs "$device" "${gib}G" || exit 1
