# shellcheck shell=bash
# begin_resizing SERIAL: waits for an attempt whose connection was lost and which may still be at work on the disk. The lock is held
# by what is started, too.
begin_resizing() {
  mkdir --parents "$root/run/lock"
  exec 9>"$root/run/lock/hawser-resize-$1"
  flock 9
  log=$(mktemp)
  trap 'rm --force "$log"' EXIT
}

# logged COMMAND...: its output goes to no connection that may be lost, for who writes to one ends in the middle; what it said when it
# failed is told.
logged() {
  "$@" >"$log" 2>&1 || {
    local status=$?
    cat "$log" >&2
    return "$status"
  }
}
