# shellcheck shell=bash
# freeze-file-system SHARE-ID HOLD PATH LIMIT-SECONDS
# Writes everything out and holds up writers; after the limit a process of this host lets go, whoever is alive by then.
# Nothing may be written to the file system from here on: it would wait too.
root=${HAWSER_ROOT:-}
share=$1 hold=$2 path=$3 limit=$4
state=$root/run/lock/hawser-freeze-$share

mountpoint --quiet "$root$path" || {
  echo "$path is not mounted; bring the share back in service first" >&2
  exit 75
}
sync --file-system "$root$path"

mkdir --parents "$root/run/lock"
exec 9>"$state.lock"
flock 9
# What an earlier attempt froze is let go, so that this one's limit counts from now.
known=
[[ ! -e $state ]] || read -r _ known _ <"$state"
[[ $known != frozen ]] || fsfreeze --unfreeze "$root$path" 2>/dev/null || :

read -r key </proc/sys/kernel/random/uuid
echo "$hold frozen $key" >"$state"
# In a session of its own and with nothing of ours open: it outlives this script, its connection and its lock.
# shellcheck disable=SC2016
setsid bash -c '
  cd /
  sleep "$1"
  # Its share was let go of meanwhile.
  [[ -e $2 ]] || exit
  exec 9>"$2.lock"
  flock 9
  read -r hold word key <"$2" || exit
  [[ "$word $key" == "frozen $4" ]] || exit
  fsfreeze --unfreeze "$3" && echo "$hold expired $key" >"$2"
' watchdog "$limit" "$state" "$root$path" "$key" </dev/null >/dev/null 2>&1 9>&- &
fsfreeze --freeze "$root$path" || {
  # Not ours to let go of, then: somebody else may have frozen it.
  echo "$hold failed $key" >"$state"
  exit 75
}
