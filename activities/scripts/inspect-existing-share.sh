# shellcheck shell=bash
# inspect-existing-share NFS PATH | CIFS NAME
# Prints what is there of a file system that somebody else mounted and exported, as lines "FACT<TAB>VALUE"; texts that may
# have several lines in base64. Changes nothing.
root=${HAWSER_ROOT:-}
protocol=$1 where=$2

fact() { printf '%s\t%s\n' "$1" "$2"; }
base64_of() { base64 --wrap=0 <<<"$1"; }

# The entries of a path in a file that exportfs reads, each with the lines it continues on.
entries_of() { # PATH FILE
  local line entry='' text first
  while IFS= read -r line || [[ -n $line ]]; do
    entry+=${entry:+$'\n'}$line
    [[ $line != *\\ ]] || continue
    text=$entry entry=''
    read -r first _ <<<"$text"
    first=${first#\"} first=${first%\"} first=${first#"$root"}
    [[ ${first%/} != "$1" ]] || fact "entry ${2#"$root"}" "$(base64_of "$text")"
  done <"$2"
}

if [[ $protocol == CIFS ]]; then
  shares=$(net conf listshares)
  grep --quiet --fixed-strings --line-regexp --ignore-case -- "$where" <<<"$shares" || exit 0
  fact section "$(base64_of "$(net conf showshare "$where")")"
  path=$(net conf getparm "$where" path)
else
  path=$where
fi
path=${path#"$root"} path=${path%/}
fact path "$path"

mountpoint --quiet "$root$path" || exit 0
read -r source fstype uuid < <(findmnt --noheadings --raw --output SOURCE,FSTYPE,UUID --mountpoint "$root$path")
fact source "${source#"$root"}"
fact fstype "$fstype"
fact uuid "$uuid"
{ read -r _ && read -r size; } < <(df --block-size=1 --output=size "$root$path")
fact size "$size"
for link in "$root"/dev/disk/by-id/virtio-*; do
  [[ ! $link -ef $source ]] || fact serial "${link##*/virtio-}"
done
while IFS= read -r line || [[ -n $line ]]; do
  read -r spec target _ <<<"$line" || continue
  [[ $spec != \#* ]] || continue
  [[ ${target#"$root"} != "$path" && $spec != "UUID=$uuid" ]] || fact fstab "$line"
done <"$root/etc/fstab"

if [[ $protocol == NFS ]]; then
  exportfs -s | while read -r exported client; do
    [[ ${exported#"$root"} != "$path" ]] || fact export "$client"
  done
  for file in "$root/etc/exports" "$root"/etc/exports.d/*.exports; do
    [[ ! -f $file ]] || entries_of "$path" "$file"
  done
fi
