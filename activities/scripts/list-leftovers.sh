# shellcheck shell=bash
# list-leftovers FOLDER
# Prints what of shares this host has, as lines "SHARE<TAB>PART<TAB>PATH"; FOLDER is where new shares are mounted. The SHARE
# of a line in fstab that is nobody's is "-". The PATH of a section is what it serves. Changes nothing.
root=${HAWSER_ROOT:-}
folder=$1

fact() { printf '%s\t%s\t%s\n' "$@"; }

while read -r spec path _ options _ || [[ -n $spec ]]; do
  [[ -n $path && $spec != \#* ]] || continue
  if [[ ,$options, =~ ,x-hawser\.share=([^,]+), ]]; then
    fact "${BASH_REMATCH[1]}" fstab "${path#"$root"}"
  else
    fact - fstab "${path#"$root"}"
  fi
done <"$root/etc/fstab"

for place in "$root$folder"/share-*; do
  ! mountpoint --quiet "$place" || fact "${place##*/share-}" mount "${place#"$root"}"
done

for file in "$root"/etc/exports.d/share-*.exports "$root"/etc/exports.d/share-*.exports.new; do
  [[ -e $file ]] || continue
  name=${file##*/share-}
  fact "${name%.exports*}" exports "${file#"$root"}"
done

if shares=$(net conf listshares 2>/dev/null </dev/null); then
  while read -r name; do
    [[ $name == share-* ]] || continue
    path=$(net conf getparm "$name" path 2>/dev/null </dev/null || :)
    fact "${name#share-}" samba "${path#"$root"}"
  done <<<"$shares"
fi

for file in "$root"/run/lock/hawser-freeze-* "$root"/run/lock/hawser-close-share-*; do
  [[ -e $file && $file != *.lock ]] || continue
  name=${file##*/hawser-freeze-}
  fact "${name##*/hawser-close-share-}" lock "${file#"$root"}"
done
