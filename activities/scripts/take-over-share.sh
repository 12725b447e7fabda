# shellcheck shell=bash
# take-over-share SHARE-ID NAME PATH SERIAL UUID FSTYPE CLIENTS [FILE ENTRY]...
# Makes a mounted file system the share's: its line in fstab, and its exports to CLIENTS (lines "CLIENT rw|ro SQUASH") in a
# file of its own instead of the ENTRY of each FILE. What is exported stays exported throughout. SERIAL is - for a file
# system on no volume.
root=${HAWSER_ROOT:-}
share=$1 name=$2 path=$3 uuid=$5 clients=$7
own_line=$(fstab_line "$4" "$uuid" "$path" "$6" "$share")
shift 7
fstab=$root/etc/fstab

# A file's text without an entry, and without the line ends that it ends with; what is not there counts as taken out.
without_entry() { # FILE ENTRY
  local text
  text=$'\n'$(<"$1")$'\n'
  text=${text/$'\n'"$2"$'\n'/$'\n'}
  printf '%s' "${text#$'\n'}"
}

mkdir --parents "$root/run/lock"
exec 9>"$root/run/lock/hawser-fstab"
flock 9

kept=''
while IFS= read -r line || [[ -n $line ]]; do
  read -r source target _ options <<<"$line" || :
  [[ $target != /* ]] || target=$(realpath --canonicalize-missing -- "$root${target#"$root"}")
  if [[ $source != \#* && ($target == "$root$path" || $source == "UUID=$uuid" || $source == "${own_line%% *}") ]]; then
    if [[ $options =~ x-hawser\.share=([^, ]+) && ${BASH_REMATCH[1]} != "$share" ]]; then
      echo "$path is share ${BASH_REMATCH[1]} already" >&2
      exit 65
    fi
    continue
  fi
  kept+=$line$'\n'
done <"$fstab"
replace "$fstab" "$kept$own_line"$'\n'

if [[ -n $clients ]]; then
  mkdir --parents "$root/etc/exports.d"
  own=$root/etc/exports.d/$name.exports
  while read -r client level squash; do
    printf '%s %s(%s,sync,no_subtree_check,%s,mountpoint)\n' "$root$path" "$client" "$level" "$squash"
  done <<<"$clients" >"$own.new"
  sync "$own.new"
  mv "$own.new" "$own"
fi
taken=''
while [[ $# -ge 2 ]]; do
  file=$root$1 taken=yes
  if [[ -f $file && $file != "${own:-}" ]]; then
    text=$(without_entry "$file" "$2")
    replace "$file" "${text:+$text$'\n'}"
    [[ $1 == /etc/exports || -s $file ]] || rm "$file"
  fi
  shift 2
done
[[ -z $clients$taken ]] || reload_exports
