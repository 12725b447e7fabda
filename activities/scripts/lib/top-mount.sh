# shellcheck shell=bash
# top_mount COLUMNS PATH: what findmnt says of the file system that is seen at the path: the last, should several be mounted
# on one another. Nothing when there is none.
top_mount() {
  local mounts
  mounts=$(findmnt --noheadings --raw --output "$1" --mountpoint "$2") || return 0
  echo "${mounts##*$'\n'}"
}

# is_from SOURCE DISK: whether what is mounted is from the disk; where that is not there, whether its own device is gone, for a
# mount outlives it.
is_from() {
  if [[ -e $2 ]]; then
    [[ $(readlink -f "$1") == $(readlink -f "$2") ]]
  else
    [[ $1 == /* && ! -e ${1%%\[*} ]]
  fi
}
