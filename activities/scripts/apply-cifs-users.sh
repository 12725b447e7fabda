# shellcheck shell=bash
# apply-cifs-users NAME PATH [USER rw|ro]...
# Writes the share's section whole, open to these users of Samba, and prints it as Samba has it.
root=${HAWSER_ROOT:-}
name=$1 path=$2
shift 2
closing=$root/run/lock/hawser-close-$name

readers= writers=
while [[ $# -ge 2 ]]; do
  if [[ $2 == rw ]]; then writers+=" $1"; else readers+=" $1"; fi
  shift 2
done
# Without a list of valid users Samba lets every user in.
available=no
[[ -z $readers$writers ]] || available=yes

# lost LIST KEPT: whether somebody on this list of the present section is not among those that are kept.
lost() {
  local user users
  read -ra users < <(net conf getparm "$name" "$1" 2>/dev/null) || return 1
  for user in "${users[@]}"; do [[ "$2 " == *" $user "* ]] || return 0; done
  return 1
}

mkdir --parents "$root/run/lock"
# Kept until it is done, for a repeat would find nothing lost.
if lost 'valid users' "$readers$writers" || lost 'write list' "$writers"; then touch "$closing"; fi

section=$(mktemp)
trap 'rm --force "$section"' EXIT
{
  printf '[%s]\n' "$name"
  printf '\t%s = %s\n' path "$root$path" available "$available" 'read only' yes 'guest ok' no browseable yes 'create mask' 0755
  [[ -z $readers$writers ]] || printf '\tvalid users =%s\n' "$readers$writers"
  [[ -z $readers ]] || printf '\tread list =%s\n' "$readers"
  [[ -z $writers ]] || printf '\twrite list =%s\n' "$writers"
} >"$section"
net conf import "$section" "$name"

# Each smbd that serves somebody reads the registry anew before it looks whom to close.
smbcontrol smbd close-denied-share "$name"
# What a connection may was settled when it was made.
if [[ -e $closing ]]; then
  smbcontrol smbd close-share "$name"
  rm "$closing"
fi
net conf showshare "$name"
