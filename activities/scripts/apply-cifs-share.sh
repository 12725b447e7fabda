# shellcheck shell=bash
# apply-cifs-share NAME PATH [ADDRESS]...
# Writes the share's section whole, open to these addresses, and prints it as Samba has it.
root=${HAWSER_ROOT:-}
name=$1 path=$2
shift 2

section=$(mktemp)
trap 'rm --force "$section"' EXIT
cat >"$section" <<CONF
[$name]
	path = $root$path
	read only = no
	guest ok = yes
	guest only = yes
	browseable = yes
	hosts deny = ALL
	hosts allow = 127.0.0.1 $*
CONF
net conf import "$section" "$name"
# Each smbd that serves somebody reads the registry anew before it looks whom to close; one that starts does so anyway.
smbcontrol smbd close-denied-share "$name"
net conf showshare "$name"
