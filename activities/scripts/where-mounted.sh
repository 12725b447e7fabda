# shellcheck shell=bash
# where-mounted SERIAL
# Prints where a disk's file system is mounted; nothing when it is not, or there is no such disk.
root=${HAWSER_ROOT:-}
device=$root/dev/disk/by-id/virtio-$1

[[ -e $device ]] || exit 0
findmnt --noheadings --output TARGET --source "$device" || [[ $? == 1 ]]
