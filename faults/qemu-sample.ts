/**
 * Runs cells in which a real kernel, a real disk or a real Samba may do otherwise than a simulated host. All options of
 * `npm run faults` may be given too.
 */
const cells = [
  'setUpServiceInstance/POST servers/crash-unrecorded',
  'setUpServiceInstance/ssh image-requirements/guest-rebooted',
  'createShare-nfs/POST servers/{id}/os-volume_attachments/reset-after',
  'createShare-nfs/ssh format-volume-and-mount-share/crash-after',
  'createShare-nfs/ssh format-volume-and-mount-share/ssh-dropped-between',
  'createShare-nfs/ssh format-volume-and-mount-share/guest-rebooted-after',
  'createShare-cifs/ssh apply-cifs-share/crash-unrecorded',
  'createShare-cifs/ssh apply-cifs-share/guest-rebooted-after',
  'createShare-from-snapshot/ssh renew-file-system/crash-after',
  'extendShare/DELETE servers/{id}/os-volume_attachments/{id}/reset-after',
  'extendShare/ssh resize-file-system/crash-after',
  'shrinkShare/ssh resize-file-system/ssh-dropped-midway',
  'shrinkShare/ssh apply-nfs-exports-and-unmount-share/guest-rebooted',
  'deleteShare-nfs/ssh apply-nfs-exports-and-unmount-share/ssh-dropped-after',
  'deleteShare-cifs/ssh remove-cifs-share-and-unmount-share/crash-before',
  'updateAccess-nfs/ssh apply-nfs-exports/guest-rebooted-after',
  'createSnapshot/ssh freeze-file-system/crash-after',
];

process.argv.push('--hosts', 'qemu', ...cells.flatMap((cell) => ['--only', cell]));
await import('./main.js');
