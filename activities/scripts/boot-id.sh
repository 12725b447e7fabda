# shellcheck shell=bash
# boot-id
# Prints what the kernel calls the boot that it runs since.
cat "${HAWSER_ROOT:-}/proc/sys/kernel/random/boot_id"
