# shellcheck shell=bash
# One monitor, one manager (Cinder asks it for the capacity), one store in a sparse file; no authentication, no copies.
# QEMU speaks to it by itself, so that volumes attach and grow without the kernel.

configure_ceph() {
  mkdir -p "$data/ceph/mgr"
  [[ -s $data/ceph/fsid ]] || uuidgen >"$data/ceph/fsid"
  [[ -s $data/ceph/osd-uuid ]] || uuidgen >"$data/ceph/osd-uuid"
  # Seen as /etc/ceph in the cloud, where QEMU looks for it.
  cat >"$data/files/etc/ceph/ceph.conf" <<END
[global]
fsid = $(cat "$data/ceph/fsid")
mon host = 127.0.0.1
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail warn = 2
mon data avail crit = 1
osd crush chooseleaf type = 0
run dir = /run/ceph
admin socket = /run/ceph/\$cluster-\$name.asok
log file = $log/ceph-\$type.log
[mon]
mon data = $data/ceph/mon
mon cluster log file = $log/ceph-cluster.log
[mgr]
mgr data = $data/ceph/mgr
mgr initial modules =
[osd]
osd data = $data/ceph/osd
osd objectstore = bluestore
bluestore block create = true
bluestore block size = 64424509440
bluestore fsck quick fix on mount = false
osd memory target = 939524096
osd memory cache min = 134217728
osd op num shards = 2
osd op num threads per shard = 1
osd class update on start = false
osd max backfills = 1
END
}

start_ceph() {
  once ceph-mon-store make_monitor
  start ceph-mon ceph-mon -f -i a
  await ceph-mon 30 timeout 5 ceph -s
  start ceph-mgr ceph-mgr -f -i x
  once ceph-osd-store make_store
  start ceph-osd ceph-osd -f -i 0
  once ceph-pool make_pool
}

await_ceph() { await ceph-osd 60 ceph_has_capacity; }

ceph_has_capacity() { ceph df -f json | grep -Eq '"total_bytes":[1-9]'; }

make_monitor() {
  rm -rf "$data/ceph/mon"
  mkdir -p "$data/ceph/mon"
  monmaptool --create --clobber --fsid "$(cat "$data/ceph/fsid")" \
    --addv a '[v2:127.0.0.1:3300,v1:127.0.0.1:6789]' "$data/ceph/monmap"
  ceph-authtool --create-keyring "$data/ceph/keyring" --gen-key -n mon. --cap mon 'allow *'
  ceph-mon --mkfs -i a --monmap "$data/ceph/monmap" --keyring "$data/ceph/keyring"
}

make_store() {
  local uuid
  uuid=$(cat "$data/ceph/osd-uuid")
  rm -rf "$data/ceph/osd"
  mkdir -p "$data/ceph/osd"
  ceph osd new "$uuid" 0
  ceph-osd -i 0 --mkfs --osd-uuid "$uuid"
  ceph osd crush add osd.0 1.0 root=default host=cloud
}

make_pool() {
  ceph osd pool create volumes 8
  rbd pool init volumes
}
