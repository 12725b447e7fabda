# shellcheck shell=bash
# Each time exports are read anew, the kernel marks the second, and lets go of what it knew of them before the mark. A second time
# within that second moves the mark into the next one; until the mark is past, no file system that was exported can be unmounted.

# reload_exports: exports what the files say. One reading serves all who asked before it began, so that many at once are one a
# second.
reload_exports() {
  local asked begun latest=0
  asked=$(centiseconds_up)
  mkdir --parents "$root/run/lock"
  {
    flock 8
    read -r latest <&8 || :
    ((${latest:-0} <= asked)) || return 0
    await_mark
    begun=$(centiseconds_up)
    # A file that goes while they are read is a mistake to it.
    exportfs -r 2>/dev/null || { await_mark && exportfs -r; } || return
    echo "$begun" >"$root/run/lock/hawser-exports"
  } 8<>"$root/run/lock/hawser-exports"
}

# forget_exports: the kernel lets go of what is not exported any more, now or when the mark is past.
forget_exports() {
  mkdir --parents "$root/run/lock"
  {
    flock 8
    mark_is_ahead || exportfs -f
  } 8<>"$root/run/lock/hawser-exports"
}

await_mark() {
  local waits
  for ((waits = 0; waits < 10; waits++)); do
    mark_is_ahead || break
    sleep 0.1
  done
}

mark_is_ahead() {
  local mark=0 file=$root/proc/net/rpc/nfsd.export/flush
  [[ ! -r $file ]] || read -r mark <"$file"
  ((mark >= EPOCHSECONDS))
}

centiseconds_up() {
  local up
  read -r up _ </proc/uptime
  echo "$((10#${up/./}))"
}
