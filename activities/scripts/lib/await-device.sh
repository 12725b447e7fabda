# shellcheck shell=bash
# await_device DEVICE WAIT-SECONDS: returns when the device is there; ends the script, with the reason, when it does not come.
await_device() {
  local tries
  for ((tries = 0; tries < $2 * 5; tries++)); do
    [[ ! -e $1 ]] || return 0
    sleep 0.2
  done
  [[ ! -e $1 ]] || return 0
  echo "no device with serial ${1##*/virtio-} appeared within $2 s; if Nova says that the volume is attached, reboot this server" >&2
  exit 69
}
