# shellcheck shell=bash
# await-addresses SECONDS ADDRESS…
# Waits until every address is on a NIC, and prints those that none has in time: DHCP on the second one may take longer than SSH on the first.
seconds=$1
shift

lacking() {
  local there address
  there=$(ip -j addr show | tr -d ' \n')
  for address; do
    [[ $there == *"\"local\":\"$address\""* ]] || echo "$address"
  done
}

for ((tries = 0; tries < seconds; tries++)); do
  mapfile -t missing < <(lacking "$@")
  ((${#missing[@]} > 0)) || exit 0
  sleep 1
done
printf '%s\n' "${missing[@]}"
