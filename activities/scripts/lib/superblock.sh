# shellcheck shell=bash
# read_superblock DEVICE: sets block_size, in bytes, and block_count of the ext3 or ext4 file system on it; ends the script
# where there is none.
read_superblock() {
  local superblock
  superblock=$(dumpe2fs -h "$1" 2>/dev/null)
  # shellcheck disable=SC2034 # for who calls it
  {
    block_size=$(sed --quiet 's/^Block size: *//p' <<<"$superblock")
    block_count=$(sed --quiet 's/^Block count: *//p' <<<"$superblock")
  }
}
