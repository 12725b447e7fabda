# shellcheck shell=bash
# apply-nfs-exports NAME PATH [CLIENT rw|ro root_squash|no_root_squash]...
# Exports PATH to exactly these clients while its file system is mounted, then prints what the server exports: a line of
# these three words each.
root=${HAWSER_ROOT:-}
name=$1 path=$2
shift 2
file=$root/etc/exports.d/$name.exports

mkdir --parents "$root/etc/exports.d"
if [[ $# == 0 ]]; then
  rm --force "$file"
else
  while [[ $# -ge 3 ]]; do
    printf '%s %s(%s,sync,no_subtree_check,%s,mountpoint)\n' "$root$path" "$1" "$2" "$3"
    shift 3
  done >"$file.new"
  sync "$file.new"
  mv "$file.new" "$file"
fi
# What was denied must stay denied, even if the power fails now.
sync "$root/etc/exports.d"
reload_exports

exportfs -s | while read -r exported client; do
  [[ $exported == "$root$path" ]] || continue
  options=,${client#*\(}
  case $options in *,rw,*) level=rw ;; *) level=ro ;; esac
  case $options in *,no_root_squash,*) squash=no_root_squash ;; *) squash=root_squash ;; esac
  echo "${client%%(*} $level $squash"
done
