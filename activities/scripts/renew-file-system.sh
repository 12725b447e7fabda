# shellcheck shell=bash
# renew-file-system SERIAL LABEL SIZE-GIB RESERVED-PERCENT WAIT-SECONDS
# Makes the copy of another share's file system one of its own and prints "ready TYPE". Our label comes last: it says that
# all is done. Prints "small GIB" when its files need that much, "foreign WHAT" when it is no ext3 or ext4.
root=${HAWSER_ROOT:-}
device=$root/dev/disk/by-id/virtio-$1 label=$2 gib=$3 reserved=$4 wait=$5

await_device "$device" "$wait"

begin_resizing "$1"

found=$(blkid --probe --output export "$device") || [[ $? == 2 || $? == 8 ]]
type='' known=''
while IFS='=' read -r key value; do
  case $key in
    TYPE) type=$value ;;
    LABEL) known=$value ;;
  esac
done <<<"$found"
if [[ $type != ext4 && $type != ext3 ]]; then
  echo "foreign ${type:-nothing}"
  exit
fi
if [[ $known == "$label" ]]; then
  echo "ready $type"
  exit
fi
# It bears the UUID of the share that it was copied from: a boot in between may have taken it for that, by a line that
# somebody else wrote to fstab.
if mounted=$(findmnt --noheadings --output TARGET --source "$device"); then
  echo "the device with serial $1 is mounted at $mounted; unmount it, or reboot the server" >&2
  exit 75
fi

status=0
logged e2fsck -f -y "$device" || status=$?
# From 4 on something is wrong still.
((status < 4)) || exit 75
logged tune2fs -U random "$device"

read_superblock "$device"
wanted=$((gib << 30))
if ((block_count * block_size > wanted)); then
  smallest=$(resize2fs -P "$device" 2>/dev/null)
  smallest=$((${smallest##* } * block_size))
  if ((smallest > wanted)); then
    echo "small $(((smallest + (1 << 30) - 1) >> 30))"
    exit
  fi
fi
# In a session of its own: interrupted in the middle it would leave a broken file system.
logged setsid resize2fs "$device" "${gib}G"
logged tune2fs -m "$reserved" "$device"
logged tune2fs -L "$label" "$device"
echo "ready $type"
