# shellcheck shell=bash
# start-file-service NFS|CIFS
# Starts the server that clients of this protocol speak to.
case $1 in
  NFS) systemctl start rpcbind nfs-server ;;
  CIFS) systemctl start smbd ;;
esac
