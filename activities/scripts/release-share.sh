# shellcheck shell=bash
# release-share SHARE-ID
# Takes our mark off the share's line in fstab; it stays mounted and exported, now and after each boot. What scripts noted of
# it for one another goes.
root=${HAWSER_ROOT:-}
share=$1
fstab=$root/etc/fstab

mkdir --parents "$root/run/lock"
exec 9>"$root/run/lock/hawser-fstab"
flock 9
if grep --quiet --extended-regexp ",x-hawser\.share=${share//./\\.}[ ,]" "$fstab"; then
  text=$(sed --regexp-extended "s/,x-hawser\.share=${share//./\\.}([ ,])/\1/" "$fstab")
  replace "$fstab" "$text"$'\n'
fi
flock --unlock 9
# Nobody asks any more how its latest freeze ended.
rm --force "$root/run/lock/hawser-freeze-$share" "$root/run/lock/hawser-freeze-$share.lock"
