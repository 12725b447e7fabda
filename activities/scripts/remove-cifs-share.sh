# shellcheck shell=bash
# remove-cifs-share NAME
name=$1
# Whole before it is searched: a search that ends early would end `net` too, and look like "not found".
shares=$(net conf listshares)
if grep --quiet --fixed-strings --line-regexp --ignore-case -- "$name" <<<"$shares"; then
  net conf delshare "$name"
fi
smbcontrol smbd close-share "$name"
