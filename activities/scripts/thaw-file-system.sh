# shellcheck shell=bash
# thaw-file-system SHARE-ID HOLD PATH
# Lets writers go on if this hold is on them, and prints "held" if it was until now, whenever it is asked again.
root=${HAWSER_ROOT:-}
share=$1 hold=$2 path=$3
state=$root/run/lock/hawser-freeze-$share

mkdir --parents "$root/run/lock"
exec 9>"$state.lock"
flock 9
known='' word=none key=
[[ ! -e $state ]] || read -r known word key <"$state"
if [[ $known != "$hold" ]]; then
  echo none
  exit
fi
if [[ $word == frozen ]]; then
  word=lost
  if mountpoint --quiet "$root$path"; then
    if answer=$(LC_ALL=C fsfreeze --unfreeze "$root$path" 2>&1); then
      word=held
    elif [[ $answer != *'Invalid argument'* ]]; then
      # The kernel calls it so when there is nothing to let go of; anything else leaves writers waiting.
      echo "$answer" >&2
      exit 75
    fi
  fi
  echo "$hold $word $key" >"$state"
fi
echo "$word"
