import type { ServerSpec } from '../hosts.js';
import { tapOf } from './names.js';

/** A volume in a guest's slot; it keeps the slot from boot to boot. */
export interface PluggedVolume {
  id: string;
  file: string;
  slot: number;
}

export interface VmFiles {
  disk: string;
  configDrive: string;
  console: string;
  controlSocket: string;
  pidFile: string;
}

const SLOTS_OF_BUS = 31;
const BUSES = 2;

/** More than Hawser's 26 shares of one server, with room for what an operator adds. */
export const volumeSlots = SLOTS_OF_BUS * BUSES;

export function qemuCommand(
  spec: ServerSpec,
  volumes: PluggedVolume[],
  files: VmFiles,
  kvm: boolean,
): string[] {
  const options: Option[] = [
    ['-name', `hawser-${spec.id}`],
    ['-machine', 'pc'],
    ...accelerator(kvm),
    ['-m', String(spec.ramMib)],
    ['-smp', String(spec.vcpus)],
    ['-display', 'none'],
    ['-pidfile', files.pidFile],
    ['-chardev', `file,id=console,path=${files.console.replaceAll(',', ',,')},append=on`],
    ['-serial', 'chardev:console'],
    ['-qmp', `unix:${files.controlSocket},server=on,wait=off`],
    ['-blockdev', JSON.stringify(rootNode(files.disk))],
    ['-device', 'virtio-blk-pci,drive=root,bootindex=1'],
    ['-blockdev', JSON.stringify(configNode(files.configDrive))],
    ['-device', 'ide-cd,drive=config'],
    ...spec.ports.flatMap((port, index) => networkCard(port, index)),
    ...volumeBuses(),
    ...volumes.flatMap((volume) => disk(volume)),
  ];
  return ['qemu-system-x86_64', '-nodefaults', '-daemonize', ...options.flat()];
}

type Option = [flag: string, value: string];

const accelerator = (kvm: boolean): Option[] => [
  ['-accel', kvm ? 'kvm' : 'tcg,thread=multi,tb-size=256'],
  ['-cpu', kvm ? 'host' : 'max,la57=off'],
];

const networkCard = (port: ServerSpec['ports'][number], index: number): Option[] => [
  ['-netdev', `tap,id=net${index},ifname=${tapOf(port.id)},script=no,downscript=no`],
  ['-device', `virtio-net-pci,netdev=net${index},mac=${port.macAddress},romfile=`],
];

/** The machine's own bus has too few slots for the volumes, so they get buses of their own. */
const volumeBuses = (): Option[] =>
  Array.from({ length: BUSES }, (_, index) => [
    '-device',
    `pci-bridge,id=volumes${index + 1},chassis_nr=${index + 1}`,
  ]);

const disk = (volume: PluggedVolume): Option[] => [
  ['-blockdev', JSON.stringify(blockNode(volume))],
  ['-device', JSON.stringify(diskDevice(volume))],
];

/** The host's page cache outlives QEMU, which is as much safety as an emulated cloud needs. */
const unflushed = { 'no-flush': true };

const rootNode = (file: string) => ({
  driver: 'qcow2',
  'node-name': 'root',
  discard: 'unmap',
  cache: unflushed,
  file: { driver: 'file', filename: file, cache: unflushed },
});

const configNode = (file: string) => ({
  driver: 'raw',
  'node-name': 'config',
  'read-only': true,
  file: { driver: 'file', filename: file },
});

export const nodeName = (volumeId: string): string => `disk-${volumeId.slice(0, 20)}`;
export const deviceName = (volumeId: string): string => `volume-${volumeId}`;

export const blockNode = ({ id, file }: PluggedVolume) => ({
  driver: 'raw',
  'node-name': nodeName(id),
  discard: 'unmap',
  cache: unflushed,
  file: { driver: 'file', filename: file, cache: unflushed },
});

export const diskDevice = ({ id, slot }: PluggedVolume) => ({
  driver: 'virtio-blk-pci',
  id: deviceName(id),
  drive: nodeName(id),
  serial: id.slice(0, 20),
  bus: `volumes${Math.floor(slot / SLOTS_OF_BUS) + 1}`,
  addr: ((slot % SLOTS_OF_BUS) + 1).toString(16),
});
