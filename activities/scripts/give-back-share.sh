# shellcheck shell=bash
# give-back-share SHARE-ID NAME PATH FSTAB EXPORTS SAMBA-NAME SECTION [FILE ENTRY]...
# Puts back what take-over-share replaced: the lines FSTAB, the share in Samba's registry, the ENTRY of each FILE that
# exportfs reads, and those EXPORTS (lines "CLIENT(options)") that stood in none. Where fstab does not have the share's mark
# there is nothing of its own to put back.
root=${HAWSER_ROOT:-}
share=$1 name=$2 path=$3 lines=$4 exports=$5 samba_name=$6 section=$7
shift 7
fstab=$root/etc/fstab
own=$root/etc/exports.d/$name.exports

mkdir --parents "$root/run/lock"
exec 9>"$root/run/lock/hawser-fstab"
flock 9

mark="[ ,]x-hawser\.share=${share//./\\.}[ ,]"
grep --quiet --extended-regexp "$mark" "$fstab" || exit 0

if [[ -n $section ]]; then
  file=$(mktemp)
  trap 'rm --force "$file"' EXIT
  printf '%s\n' "$section" >"$file"
  net conf import "$file" "$samba_name"
  smbcontrol smbd reload-config
else
  rm --force "$own"
  while [[ $# -ge 2 ]]; do
    file=$root$1
    if [[ ! -f $file || $'\n'$(<"$file")$'\n' != *$'\n'"$2"$'\n'* ]]; then
      [[ ! -s $file || -z $(tail --bytes=1 "$file") ]] || echo >>"$file"
      printf '%s\n' "$2" >>"$file"
      sync "$file"
    fi
    shift 2
  done
  sync "$root/etc" "$root/etc/exports.d"
  # It also fails for lines beside the share's, which were there before; so what is in force is looked at.
  reload_exports 2>/dev/null || :
  in_force=$(exportfs -s | while read -r exported client; do
    [[ ${exported#"$root"} != "$path" ]] || echo "$client"
  done)
  while IFS= read -r line; do
    [[ -n $line ]] || continue
    ! grep --quiet --fixed-strings --line-regexp -- "$line" <<<"$in_force" || continue
    client=${line%%(*} options=${line#*(}
    [[ $client != *:* ]] || client="[$client]"
    exportfs -o "${options%)}" "$client:$root$path"
  done <<<"$exports"
fi

# The mark goes last: by it an attempt that comes after this one knows what is left to do.
text=$(grep --invert-match --extended-regexp "$mark" "$fstab" || [[ $? == 1 ]])
while IFS= read -r line; do
  [[ -z $line ]] || grep --quiet --fixed-strings --line-regexp -- "$line" <<<"$text" || text+=$'\n'$line
done <<<"$lines"
replace "$fstab" "$text"$'\n'
