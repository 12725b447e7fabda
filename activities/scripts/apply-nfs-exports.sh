# shellcheck shell=bash
# apply-nfs-exports NAME PATH [CLIENT rw|ro]...
# Exports PATH to exactly these clients while its file system is mounted, then prints what the server exports: a line "CLIENT rw|ro" each.
root=${HAWSER_ROOT:-}
name=$1 path=$2
shift 2
file=$root/etc/exports.d/$name.exports

mkdir --parents "$root/etc/exports.d"
if [[ $# == 0 ]]; then
  rm --force "$file"
else
  while [[ $# -ge 2 ]]; do
    printf '%s %s(%s,sync,no_subtree_check,no_root_squash,mountpoint)\n' "$root$path" "$1" "$2"
    shift 2
  done >"$file.new"
  sync "$file.new"
  mv "$file.new" "$file"
fi
# What was denied must stay denied, even if the power fails now.
sync "$root/etc/exports.d"
exportfs -r

exportfs -s | while read -r exported client; do
  [[ $exported == "$root$path" ]] || continue
  options=,${client#*\(}
  case $options in *,rw,*) level=rw ;; *) level=ro ;; esac
  echo "${client%%(*} $level"
done
