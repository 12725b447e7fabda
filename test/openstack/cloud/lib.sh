# shellcheck shell=bash
# What all the scripts here share: where things are, how they report, and what belongs to the running cloud.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../../.." && pwd)
state=${HAWSER_OPENSTACK_STATE:-/var/lib/hawser-openstack}
etc=$state/etc
log=$state/log
run=$state/run
data=$state/data
clouds_yaml=$state/clouds.yaml
# The system's own programs only: Debian's Python programs must not meet another Python.
system_path=/usr/sbin:/usr/bin:/sbin:/bin
readonly here project state etc log run data clouds_yaml system_path

say() { printf 'openstack: %s\n' "$*"; }

fail() {
  printf 'openstack: %s\n' "$*" >&2
  exit 1
}

require_root() { [[ $(id -u) == 0 ]] || fail 'root is needed: network namespaces, mounts, virtual machines'; }

# timed WHAT CMD...   Runs CMD and says how long it took, if it took any time.
timed() {
  local what=$1 began=$SECONDS
  shift
  "$@"
  ((SECONDS == began)) || say "$what: $((SECONDS - began)) s"
}

# A process is known by its number and the moment of its start, so that a number given out again deceives nobody.
started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field is a name in parentheses and may hold spaces.
  cut -d' ' -f20 <<<"${stat##*) }"
}

remember_process() { printf '%s %s\n' "$2" "$(started_at "$2")" >"$run/$1.pid"; }

# process_of NAME   Prints its number, if it lives.
process_of() {
  local pid began
  read -r pid began 2>/dev/null <"$run/$1.pid" || return 1
  [[ -n $began && $(started_at "$pid") == "$began" ]] && echo "$pid"
}

# `holder` is the first process of the cloud's own namespaces. It ends, they end.
require_cloud() {
  require_root
  process_of holder >/dev/null || fail "the cloud is not running; start it with $here/up"
}

# One `up` or `down` at a time. The lock is on the directory above, as the state itself may go.
lock() {
  mkdir -p "${state%/*}"
  exec 9<"${state%/*}"
  flock -n 9 || { say 'waiting for another up or down' && flock 9; }
}

# secret NAME   A password, made at the first call and then always the same.
secret() {
  local file=$state/secrets/$1
  if [[ ! -s $file ]]; then
    (umask 077 && od -An -v -tx1 -N16 /dev/urandom | tr -d ' \n' >"$file.new")
    mv "$file.new" "$file"
  fi
  cat "$file"
}
