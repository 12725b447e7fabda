# shellcheck shell=bash
# top_mount COLUMNS PATH: what findmnt says of the file system that is seen at the path: the last, should several be mounted
# on one another. Nothing when there is none.
top_mount() {
  local mounts
  mounts=$(findmnt --noheadings --raw --output "$1" --mountpoint "$2") || return 0
  echo "${mounts##*$'\n'}"
}
