# shellcheck shell=bash
# measure-share PATH
# Prints the size of the mounted file system, what it keeps for itself, and what is used, in bytes; nothing when it is not mounted.
root=${HAWSER_ROOT:-}
path=$1

mountpoint --quiet "$root$path" || exit 0
device=$(top_mount SOURCE "$root$path")
read_superblock "$device"
size=$((block_count * block_size))
read -r unit blocks free < <(stat --file-system --format='%S %b %f' "$root$path")
echo "$size $((size - blocks * unit)) $(((blocks - free) * unit))"
