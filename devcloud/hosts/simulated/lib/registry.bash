# shellcheck shell=bash
# Samba's registry configuration as `net conf` of Samba 4.17 keeps it: here one file in smb.conf's form,
# var/lib/samba/registry. Sourced.
# shellcheck disable=SC2154,SC2034 # from and for the scripts that source this with host.bash

registry=$root/var/lib/samba/registry

# Of Samba's parameters those that a share server could want; others are refused as unknown.
booleans='|available|browseable|read only|guest ok|guest only|hide dot files|hide unreadable|inherit acls|inherit permissions|kernel oplocks|locking|map archive|map hidden|map system|nt acl support|oplocks|printable|preserve case|short preserve case|store dos attributes|strict allocate|strict sync|sync always|use sendfile|wide links|follow symlinks|ea support|acl allow execute always|durable handles|access based share enum|delete readonly|dos filemode|dos filetimes|case sensitive|posix locking|level2 oplocks|delete veto files|fake oplocks|hide special files|'
numbers='|max connections|aio read size|aio write size|block size|min print space|write cache size|directory name cache size|smbd max async dosmode|'
texts='|path|comment|hosts allow|hosts deny|valid users|invalid users|read list|write list|admin users|force user|force group|create mask|directory mask|force create mode|force directory mode|veto files|vfs objects|volume|root preexec|preexec|postexec|root postexec|csc policy|smb encrypt|server smb encrypt|fstype|magic script|username|dfree command|map readonly|hide files|copy|include|preload|strict locking|spotlight|'
globals='|workgroup|server string|server role|security|map to guest|guest account|netbios name|disable netbios|smb ports|interfaces|bind interfaces only|log file|log level|max log size|logging|load printers|printing|printcap name|disable spoolss|registry shares|server min protocol|server max protocol|realm|passdb backend|unix extensions|socket options|deadtime|max open files|config backend|dns proxy|idmap config * : backend|'

# Sets r_section, r_key and r_value, one entry a parameter, and `sections`, in order.
load_registry() {
  r_section=() r_key=() r_value=() sections=()
  [[ ! -e $registry ]] || parse_smb_conf "$registry" line-by-line
}

# Returns 1 when the file cannot be read; lines that are no parameters are passed over, as by Samba. A value of the registry
# may end in a backslash, a line of a file goes on after one.
parse_smb_conf() { # FILE [line-by-line]
  local line joined='' section=''
  [[ -r $1 && ! -d $1 ]] || return 1
  while IFS= read -r line || [[ -n $line ]]; do
    trim "$line"
    if [[ $REPLY == *\\ && -z ${2-} ]]; then joined+=${REPLY%\\}; continue; fi
    trim "$joined$REPLY"
    joined=
    case $REPLY in
      '' | \#* | \;*) ;;
      \[*\]) section=${REPLY:1:-1}; sections+=("$section") ;;
      *=*)
        r_section+=("$section") r_key+=("${REPLY%%=*}") r_value+=("${REPLY#*=}")
        trim "${r_key[-1]}"; r_key[-1]=$REPLY
        trim "${r_value[-1]}"; r_value[-1]=$REPLY ;;
    esac
  done <"$1"
}

trim() {
  REPLY=${1#"${1%%[![:space:]]*}"}
  REPLY=${REPLY%"${REPLY##*[![:space:]]}"}
}

save_registry() {
  print_registry >"$registry.new"
  "$tools/mv" "$registry.new" "$registry"
}

print_registry() {
  local section
  for section in "${sections[@]}"; do print_section "$section"; printf '\n'; done
}

print_section() {
  local n
  printf '[%s]\n' "$1"
  for n in "${!r_key[@]}"; do
    [[ ${r_section[n]} != "$1" ]] || printf '\t%s = %s\n' "${r_key[n]}" "${r_value[n]}"
  done
}

# REPLY: the name of a section as it was first written; names differ not in case alone.
find_section() {
  local section
  for section in "${sections[@]}"; do
    [[ ${section,,} != "${1,,}" ]] || { REPLY=$section; return; }
  done
  return 1
}

# REPLY: the number of a parameter of a section.
find_parameter() {
  local n
  for n in "${!r_key[@]}"; do
    [[ ${r_section[n]} != "$1" || ${r_key[n]} != "$2" ]] || { REPLY=$n; return; }
  done
  return 1
}

# Sets key, inverse and kind from a parameter's name in any of its spellings; fails when it is unknown.
canonical() {
  key=${1,,} inverse=no kind=text
  case $key in
    writeable | writable | 'write ok') key='read only' inverse=yes ;;
    browsable) key=browseable ;;
    public) key='guest ok' ;;
    'only guest') key='guest only' ;;
    'allow hosts') key='hosts allow' ;;
    'deny hosts') key='hosts deny' ;;
    directory) key=path ;;
    'create mode') key='create mask' ;;
    'directory mode') key='directory mask' ;;
    'vfs object') key='vfs objects' ;;
    user | users) key=username ;;
    casesignames) key='case sensitive' ;;
    group) key='force group' ;;
  esac
  case "$booleans" in *"|$key|"*) kind=boolean; return ;; esac
  case "$numbers" in *"|$key|"*) kind=number; return ;; esac
  case "$texts" in *"|$key|"*) return ;; esac
  case "$globals" in *"|$key|"*) kind=global; return ;; esac
  [[ $key != *:* ]] || return 0
  printf 'Unknown parameter encountered: "%s"\n' "$1"
  return 1
}

# Stores a parameter in a section that exists, a changed one in the last place.
set_parameter() { # SECTION KEY VALUE
  if find_parameter "$1" "$2"; then unset "r_section[$REPLY]" "r_key[$REPLY]" "r_value[$REPLY]"; fi
  r_section+=("$1") r_key+=("$2") r_value+=("$3")
}

# Sets value to what is stored for a parameter whose key and kind are set; fails when it is no value of it.
check_value() {
  value=$1
  case $kind in
    boolean)
      [[ ${value,,} == @(yes|no|true|false|on|off|1|0|y|n) || $key == 'case sensitive' ]] || return 1
      if [[ $inverse == yes ]]; then
        if [[ ${value,,} == @(yes|true|on|1|y) ]]; then value=no; else value=yes; fi
      fi ;;
    number) [[ $value =~ ^-?[0-9]+$ ]] || return 1 ;;
  esac
}

remove_section() {
  local n kept=()
  for n in "${!r_key[@]}"; do
    [[ ${r_section[n]} != "$1" ]] || unset "r_section[$n]" "r_key[$n]" "r_value[$n]"
  done
  for n in "${sections[@]}"; do [[ $n == "$1" ]] || kept+=("$n"); done
  sections=("${kept[@]}")
}
