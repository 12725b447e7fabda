# shellcheck shell=bash
# What the stand-ins share: this host's paths, disks and mounts. Sourced, never run.
#
# A path in an argument or an output carries $HAWSER_ROOT (empty on a host whose root is its commands' own), a path
# in a file of the host (fstab, exports) need not: both are understood everywhere. $kernel holds what a real host's
# kernel would know:
#   disks/NAME    a disk's volume: its id, then its file
#   mounts/NNN    disk, volume's file, mount point, options, `frozen` or `-`; tab-separated
#   under/NNN     the directory that a mount covers
#   overwritten   the volumes that a file system was made on while they had one, a line each time
# The content of a file system lies beside its volume's file (FILE.content), and at the mount point while
# it is mounted. A command may be killed between two renames: whoever locks next completes them.

set -u

# Files that are moved between volumes and the host go by $root: two mounts are two file systems to rename(2).
# shellcheck disable=SC2034 # used by those who source this
root=${SIMULATED_ROOT:?a stand-in runs on simulated hosts only}
# What its paths begin with for those who run it.
# shellcheck disable=SC2034
seen=${HAWSER_ROOT-}
kernel=${root%/*}/kernel
tools=${PATH##*:}
# shellcheck disable=SC2034
me=${0##*/}

say_and_exit() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

lock() {
  exec {lock_fd}>>"$kernel/lock"
  flock "$lock_fd"
  load_mounts
  complete_mounts
}

# REPLY: a path as the host's own files have it.
own_path() {
  REPLY=$1
  [[ $REPLY == /* ]] || REPLY=$PWD/$REPLY
  [[ $REPLY != "$root" && $REPLY != "$root"/* ]] || REPLY=${REPLY#"$root"}
  while [[ $REPLY == *//* ]]; do REPLY=${REPLY//\/\///}; done
  [[ $REPLY == / ]] || REPLY=${REPLY%/}
  REPLY=${REPLY:-/}
}

# --- disks ------------------------------------------------------------------------------------------

disk_names() {
  local entry
  names=()
  for entry in "$kernel"/disks/*; do
    [[ ! -e $entry ]] || names+=("${entry##*/}")
  done
}

# REPLY: the disk that a device path, UUID= or LABEL= means; fails when there is none.
find_disk() {
  local name spec=$1
  disk_names
  if [[ $spec == UUID=* || $spec == LABEL=* ]]; then
    for name in "${names[@]}"; do
      read_header "$root/dev/$name" || continue
      [[ $spec != "UUID=$fs_uuid" && $spec != "LABEL=$fs_label" ]] || { REPLY=$name; return; }
    done
    return 1
  fi
  own_path "$spec"
  spec=$root$REPLY
  for name in "${names[@]}"; do
    [[ ! $spec -ef $root/dev/$name ]] || { REPLY=$name; return; }
  done
  return 1
}

# REPLY: the file of a disk's volume.
volume_file() {
  { IFS= read -r _ && IFS= read -r REPLY; } <"$kernel/disks/$1"
}

file_size() { REPLY=$("$tools/stat" -Lc %s "$1"); }

# --- file systems -----------------------------------------------------------------------------------
# In front of a superblock such as libblkid expects stands one line of ours, which tells that the rest of
# the file system is a directory.

# Sets the fs_ variables; fails when the device holds no file system of ours.
read_header() {
  local text=
  LC_ALL=C IFS= read -r -d '' -n 400 text 2>/dev/null <"$1" || [[ -n $text ]] || return 1
  [[ $text == hawser-simulated-fs$'\t'* ]] || return 1
  IFS=$'\t' read -r _ fs_type fs_uuid fs_blocks fs_reserved fs_checked fs_label <<<"$text"
}

write_header() {
  local text compat=0x3c incompat=0x242 ro_compat=0x6b
  [[ $fs_type != ext3 ]] || { incompat=0x2 ro_compat=0x3; }
  text=hawser-simulated-fs$'\t'$fs_type$'\t'$fs_uuid$'\t'$fs_blocks$'\t'$fs_reserved$'\t'$fs_checked$'\t'$fs_label$'\n'
  escapes=
  add_text "$text" 1024
  # inodes, blocks, reserved, free, free inodes, first block, sizes, per group, times, mounts, magic, …
  add_words $((fs_blocks / 4)) "$fs_blocks" "$fs_reserved" 0 0 0 2 2 32768 32768 8192 0 \
    0 0xffff0000 0x1ef53 1 0 0 0 1 0 11 0x100 $compat $incompat $ro_compat
  add_hex "${fs_uuid//-/}"
  add_text "$fs_label" 16
  add_text '' $((2048 - 1024 - 136))
  printf '%b' "$escapes" 1<>"$1"
}

erase_header() {
  escapes=
  add_text '' 2048
  printf '%b' "$escapes" 1<>"$1"
}

add_words() {
  local word byte
  for word; do
    for byte in $((word & 255)) $((word >> 8 & 255)) $((word >> 16 & 255)) $((word >> 24 & 255)); do
      printf -v byte '\\x%02x' "$byte"
      escapes+=$byte
    done
  done
}

add_hex() {
  local n
  for ((n = 0; n < ${#1}; n += 2)); do escapes+="\\x${1:n:2}"; done
}

# A text, filled up with zeros to a length in bytes.
add_text() {
  local LC_ALL=C n byte zeros
  for ((n = 0; n < ${#1} && n < $2; n++)); do
    printf -v byte '\\x%02x' "'${1:n:1}"
    escapes+="\\x${byte: -2}"
  done
  ((n < $2)) || return 0
  printf -v zeros '%*s' $(($2 - n)) ''
  escapes+=${zeros// /\\x00}
}

# REPLY: bytes that the content of a file system takes, as ext4 would count them.
used_bytes() {
  REPLY=$("$tools/du" -s --block-size=4096 "$1" 2>/dev/null || :)
  REPLY=$((${REPLY%%[!0-9]*} * 4096))
}

# What ext4 keeps for itself: about one block in twenty-five of small file systems.
fs_overhead() { REPLY=$((fs_blocks / 64 + 8800)); }

# --- mounts -----------------------------------------------------------------------------------------

load_mounts() {
  local entry disk file target options frozen
  m_entry=() m_disk=() m_file=() m_target=() m_options=() m_frozen=()
  for entry in "$kernel"/mounts/*; do
    [[ -e $entry ]] || continue
    IFS=$'\t' read -r disk file target options frozen <"$entry"
    m_entry+=("${entry##*/}") m_disk+=("$disk") m_file+=("$file")
    m_target+=("$target") m_options+=("$options") m_frozen+=("$frozen")
  done
}

save_mount() {
  local entry=$kernel/mounts/${m_entry[$1]}
  printf '%s\t%s\t%s\t%s\t%s\n' "${m_disk[$1]}" "${m_file[$1]}" "${m_target[$1]}" "${m_options[$1]}" \
    "${m_frozen[$1]}" >"$entry.new"
  "$tools/mv" "$entry.new" "$entry"
  write_mtab
}

# As /proc/mounts has them.
write_mtab() {
  local entry disk file target options lines='' fs_type fs_uuid fs_blocks fs_reserved fs_checked fs_label
  for entry in "$kernel"/mounts/*; do
    [[ -e $entry && $entry != *.new ]] || continue
    IFS=$'\t' read -r disk file target options _ <"$entry"
    read_header "$file" || fs_type=ext4
    lines+="/dev/$disk $target $fs_type $options 0 0"$'\n'
  done
  printf '%s' "$lines" >"$root/etc/mtab"
}

complete_mounts() {
  local n
  for n in "${!m_entry[@]}"; do uncover "$n"; done
}

# Puts the content of a mount in place of the directory it covers, from wherever that was left.
uncover() {
  local under=$kernel/under/${m_entry[$1]} content=${m_file[$1]}.content target=$root${m_target[$1]}
  [[ -e $content || ! -d $target ]] || return 0
  [[ -e $under ]] || "$tools/mv" -T "$target" "$under"
  if [[ -e $content ]]; then "$tools/mv" -T "$content" "$target"; else "$tools/mkdir" -p "$target"; fi
}

add_mount() { # DISK FILE TARGET OPTIONS
  local last=0
  ((${#m_entry[@]} == 0)) || last=$((10#${m_entry[-1]}))
  printf -v last '%04d' $((last + 1))
  m_entry+=("$last") m_disk+=("$1") m_file+=("$2") m_target+=("$3") m_options+=("$4") m_frozen+=(-)
  [[ -e $2.content ]] || "$tools/mkdir" "$2.content"
  save_mount $((${#m_entry[@]} - 1))
  uncover $((${#m_entry[@]} - 1))
}

remove_mount() {
  local under=$kernel/under/${m_entry[$1]} target=$root${m_target[$1]}
  if [[ ${m_disk[$1]} == gone ]]; then "$tools/rm" -rf "$target"; else "$tools/mv" -T "$target" "${m_file[$1]}.content"; fi
  "$tools/mv" -T "$under" "$target"
  "$tools/rm" "$kernel/mounts/${m_entry[$1]}"
  write_mtab
}

# REPLY: the number of the mount that is seen at a path, or of a device; fails when there is none.
mount_at() {
  local n found=
  own_path "$1"
  for n in "${!m_target[@]}"; do
    [[ ${m_target[n]} != "$REPLY" ]] || found=$n
  done
  [[ -n $found ]] || return 1
  REPLY=$found
}

# REPLY: the directory with the content of a mount, which another one may cover.
content_of() {
  local n
  for n in "${!m_target[@]}"; do
    ((n > $1)) && [[ ${m_target[n]} == "${m_target[$1]}" ]] || continue
    REPLY=$kernel/under/${m_entry[n]}
    return
  done
  REPLY=$root${m_target[$1]}
}

mount_of_disk() {
  local n
  for n in "${!m_disk[@]}"; do
    [[ ${m_disk[n]} != "$1" ]] || { REPLY=$n; return; }
  done
  return 1
}

# REPLY: the number of the mount that a path lies in, or -1 for the root file system.
mount_around() {
  local n found=-1 length=0
  own_path "$1"
  for n in "${!m_target[@]}"; do
    [[ $REPLY/ == "${m_target[n]}"/* ]] || continue
    ((${#m_target[n]} < length)) || { found=$n length=${#m_target[n]}; }
  done
  REPLY=$found
}

# The processes that use a directory, other than this one; fails when there are none.
users_of() {
  local link
  users=()
  while IFS= read -r link; do
    link=${link#/proc/}
    link=${link%%/*}
    [[ $link == "$$" || " ${users[*]} " == *" $link "* ]] || users+=("$link")
  done < <("$tools/find" /proc/[0-9]*/cwd /proc/[0-9]*/fd -maxdepth 1 \
    \( -lname "$1" -o -lname "$1/*" \) 2>/dev/null)
  ((${#users[@]} > 0))
}

# --- printing ---------------------------------------------------------------------------------------

# print_table STYLE NAMES CELLS…: the cells of all rows, in the manner of util-linux.
# STYLE has n: no headings, r: raw, P: pairs.
print_table() {
  local style=$1 row column value widths=() fields cells line
  IFS=, read -r -a fields <<<"$2"
  shift 2
  cells=("$@")
  [[ $style == *n* || $style == *P* ]] || cells=("${fields[@]}" "${cells[@]}")
  for column in "${!cells[@]}"; do
    value=$((column % ${#fields[@]}))
    ((${#cells[column]} <= ${widths[value]:-0})) || widths[value]=${#cells[column]}
  done
  for ((row = 0; row < ${#cells[@]}; row += ${#fields[@]})); do
    line=
    for column in "${!fields[@]}"; do
      value=${cells[row + column]}
      case $style in
        *P*) line+="${fields[column]}=\"$value\" " ;;
        *r*) line+="$value " ;;
        *)
          ((column < ${#fields[@]} - 1)) && printf -v value '%-*s' "${widths[column]}" "$value"
          line+="$value " ;;
      esac
    done
    printf '%s\n' "${line% }"
  done
}

# print_json KEY NAMES CELLS…
print_json() {
  local key=$1 fields n=0 value line
  IFS=, read -r -a fields <<<"${2,,}"
  shift 2
  printf '{\n   "%s": [' "$key"
  while (($# > 0)); do
    line=
    for value in "${fields[@]}"; do
      line+="${line:+,}"$'\n         '"\"$value\": "
      if [[ -z $1 ]]; then line+=null
      elif [[ $value == size && $1 != *[!0-9]* ]]; then line+=$1
      else line+="\"$1\""; fi
      shift
    done
    ((n++ == 0)) || printf ','
    printf '\n      {%s\n      }' "$line"
  done
  printf '\n   ]\n}\n'
}
