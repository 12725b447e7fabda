# shellcheck shell=bash
# inspect-existing-share NFS PATH | CIFS NAME
# Prints what is there of a file system that somebody else mounted and exported, as lines "FACT<TAB>VALUE"; texts that are
# to be put back as they were in base64. Changes nothing.
root=${HAWSER_ROOT:-}
protocol=$1 where=$2

fact() { printf '%s\t%s\n' "$1" "$2"; }
base64_of() { base64 --wrap=0 <<<"$1"; }

# REPLY: where a path of the host leads, by links too; empty for what is no path.
declare -A known=()
real() { # PATH
  REPLY=''
  [[ $1 == /* ]] || return 0
  if [[ -z ${known[$1]-} ]]; then
    REPLY=$(realpath --canonicalize-missing -- "$root${1#"$root"}")
    REPLY=${REPLY#"$root"}
    known[$1]=${REPLY:-/}
  fi
  REPLY=${known[$1]}
}

# REPLY: where the path leads that an entry of exports(5) begins with, which may be quoted or written in octal.
path_of() { # ENTRY
  local at word='^[[:space:]]*("([^"]*)"|([^[:space:]#"][^[:space:]]*))'
  REPLY=''
  [[ ${1//$'\\\n'/ } =~ $word ]] || return 0
  printf -v at '%b' "${BASH_REMATCH[2]}${BASH_REMATCH[3]}"
  real "$at"
}

# The share's entries in a file that exportfs reads, each with the lines it continues on.
entries_of() { # FILE
  local line entry='' last=no
  while [[ $last == no ]]; do
    IFS= read -r line || last=yes
    [[ $last == no || -n $line$entry ]] || break
    entry+=${entry:+$'\n'}$line
    [[ $line != *\\ || $last == yes ]] || continue
    [[ $last == no || -n $line ]] || entry=${entry%$'\n'}
    path_of "$entry"
    [[ $REPLY != "$path" ]] || fact "entry ${1#"$root"}" "$(base64_of "$entry")"
    entry=''
  done <"$1"
}

# Whether files of the share can be reached from where a path leads.
leads_in() { [[ $1 == "$path" || $1 == "$path"/* ]]; }
leads_down_to() { [[ $path == "${1%/}"/* ]]; }

# The ways by Samba other than the share's own, in its registry or in smb.conf. What stands for a name of each client
# (`/srv/%U`) may be any.
samba_elsewhere() {
  local line name='' at
  while IFS= read -r line; do
    if [[ $line =~ ^\[(.+)\]$ ]]; then
      name=${BASH_REMATCH[1]}
    elif [[ $line =~ ^[[:space:]]+path\ =\ (.*)$ ]]; then
      at=${BASH_REMATCH[1]#"$root"}
      [[ $protocol != CIFS || ${name,,} != "${where,,}" ]] || continue
      REPLY=$at
      [[ $at != *%* ]] || REPLY=${at%%%*} REPLY=${REPLY%/*}/
      real "$REPLY"
      if leads_in "$REPLY" || leads_down_to "$REPLY"; then fact elsewhere "by CIFS as $name ($at)"; fi
    fi
  done < <(testparm -s 2>/dev/null </dev/null || :)
}

# The ways by NFS other than the share's own, in force or written down to be so. An export goes no further down than its own
# file system, unless it is told to.
nfs_elsewhere() {
  local exported client file crosses='[(,](crossmnt|nohide)[,)]'
  while read -r exported client; do
    exported=${exported#"$root"}
    real "$exported"
    [[ $protocol != NFS || $REPLY != "$path" ]] || continue
    if leads_in "$REPLY" || { [[ $client =~ $crosses ]] && leads_down_to "$REPLY"; }; then
      fact elsewhere "by NFS to ${client%%(*} ($exported)"
    fi
  done < <(exportfs -s 2>/dev/null </dev/null || :)
  [[ $protocol == CIFS ]] || return 0
  for file in "$root/etc/exports" "$root"/etc/exports.d/*.exports; do
    [[ ! -f $file || -z $(entries_of "$file") ]] ||
      fact elsewhere "by NFS (in ${file#"$root"})"
  done
}

if [[ $protocol == CIFS ]]; then
  shares=$(net conf listshares)
  grep --quiet --fixed-strings --line-regexp --ignore-case -- "$where" <<<"$shares" || exit 0
  fact section "$(base64_of "$(net conf showshare "$where")")"
  path=$(net conf getparm "$where" path)
else
  path=$where
fi
# What is in force and what is mounted is known by its real path alone.
real "$path"
path=$REPLY
fact path "$path"

mountpoint --quiet "$root$path" || exit 0
read -r source fstype uuid < <(top_mount SOURCE,FSTYPE,UUID "$root$path")
fact source "${source#"$root"}"
fact fstype "$fstype"
fact uuid "$uuid"
# Of ext3 and ext4 with what they keep for themselves, which df leaves out.
if [[ $fstype == ext[34] ]]; then
  read_superblock "$source"
  size=$((block_count * block_size))
else
  { read -r _ && read -r size; } < <(df --block-size=1 --output=size "$root$path")
fi
fact size "$size"
for link in "$root"/dev/disk/by-id/virtio-*; do
  [[ ! $link -ef $source ]] || fact serial "${link##*/virtio-}"
done
while IFS= read -r line || [[ -n $line ]]; do
  read -r spec target _ <<<"$line" || continue
  [[ $spec != \#* ]] || continue
  real "$target"
  [[ $REPLY != "$path" && $spec != "UUID=$uuid" ]] || fact fstab "$(base64_of "$line")"
done <"$root/etc/fstab"

if [[ $protocol == NFS ]]; then
  exportfs -s | while read -r exported client; do
    real "$exported"
    [[ $REPLY != "$path" ]] || fact export "$client"
  done
  for file in "$root/etc/exports" "$root"/etc/exports.d/*.exports; do
    [[ ! -f $file ]] || entries_of "$file"
  done
fi
samba_elsewhere
nfs_elsewhere
