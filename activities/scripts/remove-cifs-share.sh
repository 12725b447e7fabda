# shellcheck shell=bash
# remove-cifs-share NAME
name=$1
if net conf listshares | grep --quiet --fixed-strings --line-regexp --ignore-case -- "$name"; then
  net conf delshare "$name"
fi
smbcontrol smbd close-share "$name"
