# shellcheck shell=bash
# measure-share PATH
# Prints the size of the mounted file system, what it keeps for itself, and what is used, in bytes; nothing when it is not mounted.
root=${HAWSER_ROOT:-}
path=$1

mountpoint --quiet "$root$path" || exit 0
device=$(top_mount SOURCE "$root$path")
superblock=$(dumpe2fs -h "$device" 2>/dev/null)
count=$(sed --quiet 's/^Block count: *//p' <<<"$superblock")
block=$(sed --quiet 's/^Block size: *//p' <<<"$superblock")
read -r unit blocks free < <(stat --file-system --format='%S %b %f' "$root$path")
echo "$((count * block)) $((count * block - blocks * unit)) $(((blocks - free) * unit))"
