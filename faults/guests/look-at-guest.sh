# shellcheck shell=bash
# look-at-guest
# Prints what an operation could have left on this instance, a line "FILE<TAB>TEXT" each, once it has booted to the end. It is
# asked often, and in an emulated guest each process takes a while: bash does what it can.
shopt -s nullglob dotglob
for ((tries = 0; tries < 120; tries++)); do
  [[ -n $(systemctl list-jobs --no-legend) ]] || break
  sleep 0.5
done

# tell FILE: the lines of standard input.
tell() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do printf '%s\t%s\n' "$1" "$line"; done
}

for file in /etc/fstab /etc/exports /etc/exports.d/* /var/lib/nfs/etab; do
  [[ ! -f $file ]] || tell "${file#/}" <"$file"
done
tell registry < <(net conf list </dev/null)
for folder in tmp etc shares home/manila srv run/lock; do
  for path in "/$folder"/*; do printf '%s/\t%s\n' "$folder" "${path##*/}"; done
done
# Volumes have serials, the machine's own disks have none.
declare -A serials
for file in /sys/block/*/serial; do
  read -r serial <"$file" || [[ -n $serial ]] || continue
  name=${file#/sys/block/}
  serials[/dev/${name%/serial}]=$serial
  printf 'disk\t%s\n' "$serial"
done
while read -r source target fstype options _; do
  [[ -v serials[$source] ]] || continue
  # A kernel says that a file system is frozen only to who wants to freeze it.
  if fsfreeze --freeze "$target" 2>/dev/null; then fsfreeze --unfreeze "$target"; else options+=,frozen; fi
  printf 'mounted\t%s on %s %s %s\n' "${serials[$source]}" "$target" "$fstype" "$options"
  printf 'bytes\t%s %s\n' "$(stat --file-system --format '%b*%S' "$target")" "$target"
done </proc/self/mounts
