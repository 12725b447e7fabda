import type { RunningStep } from '../progress.js';
import { printable } from './tables.js';

/** What a step does, in plain words, by the type of its activity. */
const stepWords: Record<string, string> = {
  resolveShareHelper: 'looking up the protocol',
  resolveShareNetwork: 'looking up the share network',
  joinServiceInstance: 'waiting for the service instance',
  leaveServiceInstance: 'leaving the service instance',
  ensureVolume: 'creating the volume',
  attachVolume: 'attaching the volume',
  detachVolume: 'detaching the volume',
  deleteVolume: 'deleting the volume',
  formatAndMount: 'making and mounting the file system',
  formatVolume: 'making the file system',
  renewFileSystem: 'making the file system one of its own',
  mountAndExport: 'mounting the volume and writing the exports',
  mountShare: 'mounting the volume',
  unexportAndUnmount: 'removing the exports and unmounting the volume',
  unmountShare: 'unmounting the volume',
  settleVolume: 'looking at the volume',
  extendVolume: 'extending the volume',
  measureShare: 'measuring the file system',
  resizeFileSystem: 'resizing the file system',
  applyNfsExports: 'writing the NFS exports',
  removeNfsExports: 'removing the NFS exports',
  applyCifsShare: 'writing the CIFS share',
  removeCifsShare: 'removing the CIFS share',
  freezeFileSystem: 'holding up writers',
  thawFileSystem: 'letting writers go on',
  ensureVolumeSnapshot: 'taking the snapshot',
  deleteVolumeSnapshot: 'deleting the snapshot',
  findVolumeSnapshot: 'looking up the snapshot',
  inspectVolumeSnapshot: 'looking at the snapshot',
  markVolumeSnapshot: 'marking the snapshot',
  unmarkVolumeSnapshot: 'taking the marks off the snapshot',
  findCommonServer: 'looking up the server',
  locateCommonServer: 'looking up the server’s addresses',
  joinForManaging: 'waiting for the service instance',
  inspectExistingShare: 'looking at what is exported',
  findExistingVolume: 'looking for the volume',
  claimVolume: 'marking the volume',
  restoreVolume: 'giving the volume back',
  releaseVolume: 'taking the marks off the volume',
  takeOverShare: 'taking over the exports',
  giveBackShare: 'giving the exports back',
  releaseShare: 'forgetting the share on its service instance',
  resolveImageAndFlavor: 'looking up the image and the flavor',
  ensureServiceNetwork: 'preparing the service network',
  ensureSecurityGroup: 'preparing the security group',
  ensureServerPort: 'creating the server’s ports',
  ensureBootVolume: 'creating the volume to boot from',
  removeBootVolume: 'removing the boot volume',
  ensureServer: 'creating the server',
  waitForServer: 'waiting for the server to start',
  waitForSsh: 'waiting for SSH',
  waitForAddresses: 'waiting for the server’s other addresses',
  checkImageRequirements: 'checking the service image',
  deleteServer: 'deleting the server',
  deleteServerPort: 'deleting the server’s ports',
  releaseServiceNetwork: 'releasing the service network',
  deleteSecurityGroup: 'deleting the security group',
  inspectShare: 'looking at the share',
  startFileService: 'starting the file server',
  requireVolume: 'looking up the volume',
  requireServer: 'looking up the server',
  logIn: 'logging in',
  reportImageRequirements: 'checking the service image',
  readBootId: 'looking which boot it runs since',
  listReboots: 'looking up former reboots',
  rebootServer: 'asking for the reboot',
  waitForReboot: 'waiting for the server to reboot',
  waitForBoot: 'waiting for SSH after the reboot',
  ensureOneShare: 'looking at a share',
};

/** `renewLeaseNow` becomes `renew lease now`: good enough for a step that is newer than this table. */
const splitCamelCase = (name: string): string =>
  name.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();

/** A step as a person reads it: `waiting for SSH (attempt 3: connect ECONNREFUSED …)`. */
export function describeStep({ step, state, attempt, lastFailure, detail }: RunningStep): string {
  const words =
    (Object.hasOwn(stepWords, step) && stepWords[step]) || printable(splitCamelCase(step));
  const asides = [
    ...(detail ? [firstLine(detail)] : []),
    ...(state === 'paused' ? ['paused by an operator'] : []),
    ...(state === 'waiting for a worker' ? ['no worker has taken it yet'] : []),
    ...(attempt > 1
      ? [`attempt ${attempt}${lastFailure ? `: ${firstLine(lastFailure)}` : ''}`]
      : []),
  ];
  return asides.length > 0 ? `${words} (${asides.join('; ')})` : words;
}

/** Foreign words may hold anything; a terminal must not obey them. */
const firstLine = (text: string): string => printable(text.split('\n', 1)[0] ?? '');
