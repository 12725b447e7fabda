# shellcheck shell=bash
# replace FILE TEXT: the file has the text, whole or not at all whenever the host stops, and its mode as before.
replace() {
  printf '%s' "$2" >"$1.hawser"
  chmod --reference="$1" "$1.hawser"
  sync "$1.hawser"
  mv "$1.hawser" "$1"
  sync "${1%/*}"
}
