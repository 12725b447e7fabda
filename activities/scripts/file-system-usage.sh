# shellcheck shell=bash
# file-system-usage
# Writes a line for each share that is mounted: SHARE-ID SIZE USED AVAILABLE, in bytes.
root=${HAWSER_ROOT:-}

while read -r spec path _ options _ || [[ -n $spec ]]; do
  [[ ,$options, =~ ,x-hawser\.share=([^,]+), ]] || continue
  share=${BASH_REMATCH[1]}
  mountpoint --quiet "$root$path" || continue
  read -r size used available < <(df --block-size=1 --output=size,used,avail "$root$path" | tail --lines=1)
  echo "$share $size $used $available"
done <"$root/etc/fstab"
