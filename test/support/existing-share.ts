/**
 * Scripts by which an administrator would have made a share by hand, before Hawser; `$r` is the host's root. They end
 * as they began when they are repeated.
 */

/** A file system on the volume with serial `$1`, mounted on `$2` now and at each boot, with a file in it. */
export const mountByHand = `
  device=$r/dev/disk/by-id/virtio-$1
  for try in {1..300}; do [[ -e $device ]] && break; sleep 0.1; done
  mkfs.ext4 -q "$device"
  mkdir -p "$r$2"
  echo "UUID=$(blkid --probe --match-tag UUID --output value "$device") $2 ext4 defaults,noatime 0 2" >>"$r/etc/fstab"
  mount "$r$2"
  echo "made by hand" >"$r$2/old-file"
  chmod 0777 "$r$2"
`;

/** `$1` exported to `$2`, which is `CLIENT(options)…`, by a line in /etc/exports. */
export const exportByHand = `
  printf '# by hand\\n%s %s\\n' "$1" "$2" >>"$r/etc/exports"
  exportfs -r
`;

/** Samba's share `$1` at path `$2`, where those of the users `$3` write who are among `$4`. */
export const shareForUsersByHand = `
  net conf addshare "$1" "$r$2" writeable=n guest_ok=n
  net conf setparm "$1" "valid users" "$3"
  net conf setparm "$1" "write list" "$4"
`;

/** Samba's share `$1` at path `$2`, open to the addresses `$3`. */
export const shareByHand = `
  net conf addshare "$1" "$r$2" writeable=y guest_ok=y
  net conf setparm "$1" "hosts allow" "$3"
  net conf setparm "$1" "hosts deny" ALL
  net conf setparm "$1" "create mask" 0660
`;
