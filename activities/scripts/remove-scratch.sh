# shellcheck shell=bash
# remove-scratch SHARE-ID
# Removes what scripts noted of a share for one another, once the share is gone.
root=${HAWSER_ROOT:-}
share=$1

rm --force "$root/run/lock/hawser-freeze-$share" "$root/run/lock/hawser-freeze-$share.lock" \
  "$root/run/lock/hawser-close-share-$share" "$root/etc/exports.d/share-$share.exports.new"
