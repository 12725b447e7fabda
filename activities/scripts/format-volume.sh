# shellcheck shell=bash
# format-volume SERIAL LABEL FSTYPE RESERVED-PERCENT WAIT-SECONDS
# Makes a file system on a blank device; one that carries our label is an earlier attempt's and is kept.
root=${HAWSER_ROOT:-}
device=$root/dev/disk/by-id/virtio-$1 label=$2 fstype=$3 reserved=$4 wait=$5

await_device "$device" "$wait"

# 0: something is there; 2: nothing; 8: several things
status=0
found=$(blkid --probe --output export "$device") || status=$?
if [[ $status == 0 && $found == *"LABEL=$label"* && $found == *"TYPE=$fstype"* ]]; then
  exit 0
fi
signatures=$(wipefs --no-act --parsable --noheadings "$device")
if [[ $status != 2 || -n $signatures ]]; then
  echo "the device with serial $1 is not blank, and nothing was touched: ${found//$'\n'/ } ${signatures//$'\n'/ }" >&2
  exit 65
fi
"mkfs.$fstype" -q -L "$label" -m "$reserved" -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$device"
