# shellcheck shell=bash
# Says whether a service instance meets the requirements of Manila's generic driver and of Hawser: prints one JSON
# document {"checks": [{"name", "ok", "detail", "fix"}]} and ends with 0 whatever it found. Changes nothing.
# Run it as root. $HAWSER_ROOT stands before the paths of a simulated host.
# A check that fails is a finding, not an error.
set +e
set +o errexit +o pipefail
root=${HAWSER_ROOT:-}
# A server may let us in before its services have started.
patience=40
checks=

main() {
  commands
  nfs_server
  samba_server
  files
  can_sudo
  passwords_are_off
  nics_have_dhcp
  printf '{"checks":[%s]}\n' "${checks#,}"
}

# report NAME STATUS DETAIL FIX: status 0 is well, and then the fix does not count.
report() {
  local ok=true name=$1 detail=$3 fix=
  [[ $2 == 0 ]] || { ok=false fix=$4; }
  escape name
  escape detail
  escape fix
  checks+=",{\"name\":\"$name\",\"ok\":$ok,\"detail\":\"$detail\",\"fix\":\"$fix\"}"
}

# Makes a variable fit for a JSON string. No subshells here: in an emulated guest each costs tens of ms.
escape() {
  local -n text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//[[:cntrl:]]/ }
}

# soon TOOL TRY…: tries until it succeeds or the patience for all is used up; without the tool there is no hope.
soon() {
  until "${@:2}"; do
    ((SECONDS < patience)) && command -v "$1" >/dev/null || return 1
    sleep 1
  done
}

commands() {
  local package command
  while read -r package command; do
    command -v "$command" >/dev/null
    report "command $command" $? 'on PATH' "apt-get install $package"
  done <<'TABLE'
nfs-kernel-server exportfs
rpcbind rpcinfo
samba-common-bin net
samba-common-bin smbcontrol
e2fsprogs mkfs.ext4
e2fsprogs mkfs.ext3
e2fsprogs tune2fs
e2fsprogs resize2fs
e2fsprogs e2fsck
util-linux blkid
util-linux wipefs
util-linux fsfreeze
util-linux findmnt
util-linux mountpoint
util-linux flock
mount mount
mount umount
TABLE
}

nfs_server() {
  local start='systemctl enable --now nfs-server'
  soon rpcinfo registered 100003
  report 'nfsd is registered' $? "NFS versions over TCP:${versions:- none}" "$start"
  soon rpcinfo registered 100005
  report 'mountd is registered' $? "mount protocol versions over TCP:${versions:- none}" "$start"
  exportfs -s >/dev/null 2>&1 </dev/null
  report 'exportfs works' $? 'exportfs -s' "$start, and look at what exportfs -s says"
}

# Sets $versions to those of an RPC program, given by its number.
registered() {
  local program version protocol
  versions=
  while read -r program version protocol _; do
    [[ "$program $protocol" != "$1 tcp" ]] || versions+=" $version"
  done < <(rpcinfo -p 127.0.0.1 2>/dev/null </dev/null)
  [[ -n $versions ]]
}

samba_server() {
  local answer
  soon smbcontrol smbd_answers
  report 'smbd runs' $? 'smbcontrol smbd ping' 'systemctl enable --now smbd'
  answer=$(net conf list 2>&1 >/dev/null </dev/null)
  report 'net conf works' $? "net conf list: ${answer:-read}" 'look at net conf list and at /var/lib/samba/registry.tdb'
  answer=$(testparm -s 2>/dev/null </dev/null)
  [[ ${answer,,} == *'registry shares = yes'* || ${answer,,} == *'config backend = registry'* ]]
  report 'samba reads its registry' $? 'testparm -s: registry shares' \
    'add "include = registry" and "registry shares = yes" to [global] in /etc/samba/smb.conf, restart smbd'
}

smbd_answers() { [[ $(smbcontrol smbd ping 2>/dev/null </dev/null) == *PONG* ]]; }

# The paths that the driver's documentation names; links to them will do.
files() {
  local path
  for path in /etc/exports /etc/exports.d /var/lib/nfs/etab /etc/fstab /etc/mtab /etc/samba/smb.conf; do
    [[ -e $root$path ]]
    report "path $path" $? 'exists' 'make it, or a link to where this system has it'
  done
}

# Who came in by sudo, without a terminal to type on, has shown that it asks for no password.
can_sudo() {
  [[ -n ${SUDO_USER:-} ]] || sudo -n true >/dev/null 2>&1 </dev/null
  report 'sudo without a password' $? "user ${SUDO_USER:-root}" \
    "echo 'manila ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/hawser"
}

passwords_are_off() {
  local key value passwords=unknown dialogues=unknown
  while read -r key value; do
    case $key in
      passwordauthentication) passwords=$value ;;
      kbdinteractiveauthentication) dialogues=$value ;;
    esac
  done < <(sshd -T 2>/dev/null </dev/null)
  [[ $passwords == no && $dialogues == no ]]
  report 'sshd takes keys only' $? "sshd -T: passwords $passwords, keyboard-interactive $dialogues" \
    'set PasswordAuthentication and KbdInteractiveAuthentication to no in sshd_config, reload sshd'
}

# An address from DHCP is a dynamic one: it has a lifetime.
nics_have_dhcp() {
  local links link name with='' without=''
  links=$(ip -j -4 addr show </dev/null)
  links=${links//[[:space:]]/}
  while read -r link; do
    [[ $link =~ ^\"([^\"]*)\" ]] || continue
    name=${BASH_REMATCH[1]}
    if [[ $name == lo || $link == *'"link_type":'* && $link != *'"link_type":"ether"'* ]]; then continue; fi
    if [[ $link == *'"dynamic":true'* ]]; then with+=" $name"; else without+=" $name"; fi
  done <<<"${links//\"ifname\":/$'\n'}"
  [[ -n $with && -z $without ]]
  report 'DHCP on every NIC' $? "with a lease:${with:- none}; without:${without:- none}" \
    'configure DHCP for every Ethernet interface, also for those plugged in later'
}

main
