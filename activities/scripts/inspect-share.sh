# shellcheck shell=bash
# inspect-share SHARE-ID SERIAL PATH FSTYPE NFS|CIFS NAME
# Says how the share stands on this instance, a fact a line, and changes nothing. NAME is its file in /etc/exports.d, or
# its section in Samba's registry. SERIAL is - for a file system on no volume.
root=${HAWSER_ROOT:-}
share=$1 device=$root/dev/disk/by-id/virtio-$2 path=$3 fstype=$4 protocol=$5 name=$6

read -r source options uuid < <(top_mount SOURCE,OPTIONS,UUID "$root$path") || :
if [[ $2 == - ]]; then
  device=$source
elif [[ -e $device ]]; then
  device=$(readlink --canonicalize "$device")
  uuid=$(blkid --probe --match-tag UUID --output value "$device" || :)
else
  device='' uuid=''
fi
line=$(fstab_line "$2" "$uuid" "$path" "$fstype" "$share")

[[ -z $device ]] || echo 'device'
[[ -z $uuid ]] || echo 'file-system'
[[ -z $source ]] || echo 'mounted'
# A mount outlives its device: the same volume attached again is another device.
[[ -z $source || $source != "$device" || ,$options, == *,ro,* ]] || echo 'mounted-well'
! grep --quiet --fixed-strings --line-regexp -- "$line" "$root/etc/fstab" || echo 'fstab'

# exports KERNEL|FILE: a line "KERNEL|FILE CLIENT rw|ro SQUASH" for each of the share's exports on standard input.
exports() {
  local exported client options level squash
  while read -r exported client; do
    [[ $exported == "$root$path" ]] || continue
    options=,${client#*\(}
    case $options in *,rw,*) level=rw ;; *) level=ro ;; esac
    case $options in *,no_root_squash,*) squash=no_root_squash ;; *) squash=root_squash ;; esac
    echo "$1 ${client%%(*} $level $squash"
  done
}

if [[ $protocol == NFS ]]; then
  [[ $(rpcinfo -p 127.0.0.1 2>/dev/null </dev/null) != *[[:space:]]100003[[:space:]]* ]] || echo 'service'
  exports kernel < <(exportfs -s)
  file=$root/etc/exports.d/$name.exports
  [[ ! -f $file ]] || exports file <"$file"
else
  [[ $(smbcontrol smbd ping 2>/dev/null </dev/null) != *PONG* ]] || echo 'service'
  section=$(net conf showshare "$name" 2>/dev/null </dev/null || :)
  [[ -z $root ]] || section=${section//"$root"/}
  while read -r setting; do [[ -z $setting ]] || echo "samba $setting"; done <<<"$section"
fi
