# shellcheck shell=bash
# /etc/exports and /etc/exports.d as exportfs of nfs-utils 2.6 reads them, and its table of what is
# exported: one line an export, as in var/lib/nfs/etab: path, TAB, client(options). Sourced.
# shellcheck disable=SC2154,SC2034 # from and for the scripts that source this with host.bash

etab=$root/var/lib/nfs/etab
status=0

complain() {
  printf 'exportfs: %s\n' "$1" >&2
  [[ ${2-} == harmless ]] || status=1
}

# Reads a file's lines, continued ones joined, into `lines` and `line_numbers`.
read_lines() {
  local line joined='' number=0
  lines=() line_numbers=()
  while IFS= read -r line || [[ -n $line ]]; do
    ((number += 1))
    if [[ $line == *\\ ]]; then joined+="${line%\\} "; continue; fi
    lines+=("$joined$line") line_numbers+=("$number")
    joined=''
  done <"$1"
}

# Sets words to those of a line, where a path may be quoted and # begins a comment.
split_line() {
  local text=$1
  words=()
  while [[ $text =~ ^[[:space:]]*(\"([^\"]*)\"|[^[:space:]#\"][^[:space:]]*)(.*)$ ]]; do
    if [[ ${BASH_REMATCH[1]} == \"* ]]; then words+=("${BASH_REMATCH[2]}"); else words+=("${BASH_REMATCH[1]}"); fi
    text=${BASH_REMATCH[3]}
  done
}

# Sets the o_ variables to the options of one export; fails with `mistake` set when one is unknown.
parse_options() {
  local option
  for option in ${1//,/ }; do
    case $option in
      ro | rw) o_access=$option ;;
      sync | async) o_sync=$option ;;
      wdelay | no_wdelay) o_wdelay=$option ;;
      hide | nohide) o_hide=$option ;;
      crossmnt | nocrossmnt) o_cross=$option ;;
      secure | insecure) o_secure=$option ;;
      root_squash | no_root_squash) o_squash=$option ;;
      all_squash | no_all_squash) o_all=$option ;;
      subtree_check | no_subtree_check) o_subtree=$option ;;
      acl | no_acl) o_acl=$option ;;
      pnfs | no_pnfs) o_pnfs=$option ;;
      secure_locks | insecure_locks | auth_nlm | no_auth_nlm) o_locks=$option ;;
      anonuid=[0-9-]* | anongid=[0-9-]*) printf -v "o_${option%%=*}" '%s' "${option#*=}" ;;
      fsid=root | fsid=[0-9a-f]*) o_fsid=${option#*=} ;;
      fsid=*) mistake="bad fsid \"$option\""; return 1 ;;
      sec=*) o_sec=${option#*=} ;;
      mountpoint* | mp | mp=* | refer=* | replicas=*) ;;
      *) mistake="unknown keyword \"$option\""; return 1 ;;
    esac
  done
}

forget_options() {
  o_access=ro o_sync=sync o_wdelay=wdelay o_hide=hide o_cross=nocrossmnt o_secure=secure o_squash=root_squash
  o_all=no_all_squash o_subtree='' o_acl=acl o_pnfs=no_pnfs o_locks=secure_locks o_anonuid=65534 o_anongid=65534
  o_fsid='' o_sec=sys
}

# REPLY: the options in etab's order.
options_of_etab() {
  REPLY=$o_access,$o_sync,$o_wdelay,$o_hide,$o_cross,$o_secure,$o_squash,$o_all,${o_subtree:-no_subtree_check}
  REPLY+=,$o_locks,$o_acl,$o_pnfs${o_fsid:+,fsid=$o_fsid},anonuid=$o_anonuid,anongid=$o_anongid,sec=$o_sec
  REPLY+=,$o_access,$o_squash,$o_all
}

# REPLY: 0 an address, 1 a subnet, 2 a pattern or group, 3 everyone. Fails with a complaint for no client.
kind_of_client() {
  local address=${1%/*} bits=${1#"${1%/*}"}
  REPLY=0
  case $1 in
    '*') REPLY=3; return ;;
    @* | *[*?]*) REPLY=2; return ;;
  esac
  [[ -z $bits ]] || REPLY=1
  if [[ $address == *:* ]]; then
    [[ $address =~ ^[0-9A-Fa-f:.]+$ ]] || { unresolved "$1"; return 1; }
    [[ -z $bits || ($bits =~ ^/[0-9]+$ && ${bits#/} -le 128) ]] || { bad_prefix "$1"; return 1; }
  else
    is_ipv4 "$address" || { unresolved "$1"; return 1; }
    [[ -z $bits ]] || is_ipv4 "${bits#/}" || [[ $bits =~ ^/[0-9]+$ && ${bits#/} -le 32 ]] || { bad_prefix "$1"; return 1; }
  fi
}

is_ipv4() {
  local part
  [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]] || return 1
  for part in ${1//./ }; do ((10#$part <= 255)) || return 1; done
}

unresolved() {
  complain "Failed to resolve $1" harmless
  complain "Failed to resolve $1" harmless
}

bad_prefix() {
  complain "Invalid prefix \`${1##*/}' for $1"
  complain "Invalid prefix \`${1##*/}' for $1"
}

# REPLY: where a path of a file leads, as getexportent(3) has it; a path that leads nowhere stays as it is.
resolve_links() {
  local from=$1 real
  own_path "$from"
  real=$("$tools/realpath" -- "$root$REPLY" 2>/dev/null) || real=$root$REPLY
  if [[ $from != /* || $real == "$root$REPLY" ]]; then REPLY=$from
  elif [[ $from == "$root"/* ]]; then REPLY=$real
  else REPLY=${real#"$root"}; fi
}

# Reads one file; a mistake ends that file only, and what stood before it counts.
read_exports_file() {
  local n word path defaults
  read_lines "$1"
  own_path "$1"
  file=$REPLY
  for n in "${!lines[@]}"; do
    split_line "${lines[n]}"
    ((${#words[@]} > 0)) || continue
    place="$file [${line_numbers[n]}]"
    resolve_links "${words[0]}"
    path=$REPLY
    defaults=''
    ((${#words[@]} > 1)) || words+=('')
    for word in "${words[@]:1}"; do
      if [[ $word == -* ]]; then defaults=${word#-}; continue; fi
      read_client "$path" "$word" "$defaults" && continue
      case $mistake in
        'bad fsid'*) complain "$file: ${line_numbers[n]}: $mistake"$'\n' ;;
        unknown*) complain "$file:${line_numbers[n]}: $mistake"$'\n' ;;
        *) complain "$file:${line_numbers[n]}: syntax error: $mistake" ;;
      esac
      return
    done
  done
}

# One `client(options)`.
read_client() { # PATH WORD DEFAULTS
  local client=${2%%(*} options=''
  forget_options
  if [[ $2 == *'('* ]]; then
    options=${2#*(}
    [[ $options == *')' && ${options%')'} != *[\(\)]* ]] || { mistake='bad option list'; return 1; }
    options=${options%')'}
  elif [[ -z $3 ]]; then
    complain "No options for $1 $client: suggest $client(sync) to avoid warning" harmless
  fi
  parse_options "$3" && parse_options "$options" || return 1
  [[ -n $o_subtree ]] || complain "$place: Neither 'subtree_check' or 'no_subtree_check' specified for export \"$client:$1\".
  Assuming default behaviour ('no_subtree_check').
  NOTE: this default has changed since nfs-utils version 1.0.x
" harmless
  add_export "${client:-*}" "$1"
}

# Adds to e_client, e_path, e_kind and e_options; the first of two equal ones counts.
add_export() {
  local n path kind options
  kind_of_client "$1" || return 0
  kind=$REPLY
  options_of_etab
  options=$REPLY
  path=$2
  while [[ $path == *//* ]]; do path=${path//\/\///}; done
  [[ $path == / ]] || path=${path%/}
  for n in "${!e_client[@]}"; do
    [[ ${e_client[n]} == "$1" && ${e_path[n]} == "$path" ]] || continue
    if [[ ${e_options[n]} == "$options" ]]; then
      complain "duplicated export entries:"
      complain $'\t'"$1:$path"
      complain $'\t'"$1:$path"
    else
      complain 'incompatible duplicated export entries:'
      complain $'\t'"$1:$path [IGNORED]"
      complain $'\t'"$1:$path"
    fi
    return 0
  done
  e_client+=("$1") e_path+=("$path") e_kind+=("$kind") e_options+=("$options")
}

check_path() {
  own_path "$1"
  if [[ ! -e $root$REPLY || $1 != /* ]]; then
    complain "Failed to stat $1: No such file or directory"
  elif [[ ! -d $root$REPLY ]]; then
    complain "$1 is not a directory. Remote access will fail" harmless
  fi
}

read_all_exports() {
  local entry
  if [[ -e $root/etc/exports ]]; then read_exports_file "$root/etc/exports"; else complain "can't open /etc/exports for reading"; fi
  for entry in "$root"/etc/exports.d/*.exports; do
    [[ ! -f $entry ]] || read_exports_file "$entry"
  done
}

load_etab() {
  local path rest
  while IFS=$'\t' read -r path rest; do
    [[ -n $path ]] || continue
    e_path+=("$path") e_client+=("${rest%%(*}")
    rest=${rest#*(}
    e_options+=("${rest%)}")
    kind_of_client "${e_client[-1]}"
    e_kind+=("$REPLY")
  done <"$etab"
}

save_etab() {
  local n
  for n in "${!e_client[@]}"; do
    printf '%s\t%s(%s)\n' "${e_path[n]}" "${e_client[n]}" "${e_options[n]}"
  done >"$etab.new"
  "$tools/mv" "$etab.new" "$etab"
}

# One line an export, in the order of exportfs: addresses, subnets, patterns, everyone.
show_exports() { # s: for use in a file | v: to be read | plain: without options
  local kind n client options
  for kind in 0 1 2 3; do
    for n in "${!e_client[@]}"; do
      ((e_kind[n] == kind)) || continue
      client=${e_client[n]}
      shown_options "${e_options[n]}"
      options="($REPLY)"
      [[ $1 != plain ]] || options=
      if [[ $1 == s ]]; then
        printf '%s  %s%s\n' "${e_path[n]}" "$client" "$options"
      else
        [[ $client != '*' ]] || client='<world>'
        if ((${#e_path[n]} > 14)); then printf '%s\n\t\t%s%s\n' "${e_path[n]}" "$client" "$options"
        else printf '%-14s\t%s%s\n' "${e_path[n]}" "$client" "$options"; fi
      fi
    done
  done
}

# REPLY: the options as -v and -s print them.
shown_options() {
  forget_options
  parse_options "$1"
  REPLY=$o_sync,$o_wdelay,$o_hide
  [[ $o_cross == nocrossmnt ]] || REPLY+=,crossmnt
  REPLY+=,${o_subtree:-no_subtree_check}
  [[ $o_locks == secure_locks || $o_locks == auth_nlm ]] || REPLY+=,insecure_locks
  [[ $o_acl == acl ]] || REPLY+=,no_acl
  [[ $o_pnfs == no_pnfs ]] || REPLY+=,pnfs
  [[ -z $o_fsid ]] || REPLY+=,fsid=$o_fsid
  [[ $o_anonuid == 65534 ]] || REPLY+=,anonuid=$o_anonuid
  [[ $o_anongid == 65534 ]] || REPLY+=,anongid=$o_anongid
  REPLY+=,sec=$o_sec,$o_access,$o_squash,$o_all
}
