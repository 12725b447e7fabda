import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import {
  plugDevcloudMachine,
  type ClientMachine,
  type ClientMachineOptions,
} from './client-machine.js';
import { plugLinuxbridgeMachine, type HostOptions } from './linuxbridge-machine.js';
import { undoneOnFailure } from './undo-stack.js';

const run = promisify(execFile);

export interface SmbUser {
  name: string;
  password: string;
}

/** What a client does with shares. */
export interface ShareClient {
  /** Writes random bytes to the share, reads them back, and answers with both checksums. */
  writeAndRead(location: string, sizeBytes: number): Promise<{ written: string; read: string }>;
  /** Writes a new file of random bytes into the share's root; answers with its checksum. */
  write(location: string, name: string, sizeBytes: number): Promise<string>;
  /** The checksum of a file in the share's root. */
  read(location: string, name: string): Promise<string>;
  /** Lists the share's root. Rejects with the client's own words when it is not let in. */
  list(location: string): Promise<string>;
}

/** A machine of the tenant's, at an address of its network, with real NFS and SMB clients. */
export interface TenantClient extends ShareClient {
  address: string;
  /** The same machine, with SMB shares mounted as this user instead of as a guest. */
  as(user: SmbUser): ShareClient;
  /** A TCP connection from there; it ends at once when nobody answers. */
  connect(address: string, port: number): Duplex;
  /** Unplugs the machine and deletes its port. Safe to repeat. */
  close(): Promise<void>;
}

export type TenantClientOptions = ClientMachineOptions & HostOptions;

/**
 * Plugs a client machine into a tenant's network: of the embedded cloud with QEMU hosts when its URL is
 * given, else of the real cloud that this machine is a host of.
 */
export async function plugTenantClient(options: TenantClientOptions): Promise<TenantClient> {
  return undoneOnFailure(async (undo) => {
    const directory = await mkdtemp(join(tmpdir(), 'hawser-client-'));
    undo.push(() => rm(directory, { recursive: true, force: true }));
    const machine = await (options.cloudUrl === undefined
      ? plugLinuxbridgeMachine(options)
      : plugDevcloudMachine(options.cloudUrl, options));
    undo.push(() => machine.remove());
    return { ...clientOn(machine, directory), close: undo.undoAll };
  });
}

function clientOn(machine: ClientMachine, directory: string): Omit<TenantClient, 'close'> {
  return {
    address: machine.address,
    ...shareClientOn(machine, directory),
    as: (user) => shareClientOn(machine, directory, user),
    connect: (address, port) => connectFrom(machine, address, port),
  };
}

function shareClientOn(machine: ClientMachine, directory: string, user?: SmbUser): ShareClient {
  const inside = twiceWhenRefused(insideOf(machine));
  const commandsFor = (location: string) => commands(location, user);
  const write = async (location: string, name: string, sizeBytes: number) => {
    const sent = join(directory, 'sent');
    await writeFile(sent, randomBytes(sizeBytes));
    await inside(commandsFor(location).put(sent, name));
    return checksum(sent);
  };
  const read = async (location: string, name: string) => {
    const received = join(directory, 'received');
    await rm(received, { force: true });
    await inside(commandsFor(location).get(name, received));
    return checksum(received);
  };
  return {
    writeAndRead: async (location, sizeBytes) => {
      // libnfs does not write over a file that is there.
      const name = `hawser-was-here-${randomBytes(4).toString('hex')}`;
      return { written: await write(location, name, sizeBytes), read: await read(location, name) };
    },
    write,
    read,
    list: async (location) => inside(commandsFor(location).list),
  };
}

interface ClientCommands {
  put: (file: string, name: string) => string[];
  get: (name: string, file: string) => string[];
  list: string[];
}

/** libnfs and Samba's client: both speak from user space, so no kernel module is needed. */
function commands(location: string, user?: SmbUser): ClientCommands {
  const cifs = /^\\\\(?<address>[^\\]+)\\(?<name>.+)$/.exec(location)?.groups;
  if (cifs) {
    const smb = (what: string) => [
      'smbclient',
      `//${cifs['address']}/${cifs['name']}`,
      ...(user ? ['-U', `${user.name}%${user.password}`] : ['--no-pass']),
      '-m',
      'SMB3',
      '-c',
      what,
    ];
    return {
      put: (file, name) => smb(`put "${file}" ${name}`),
      get: (name, file) => smb(`get ${name} "${file}"`),
      list: smb('ls'),
    };
  }
  const nfs = `nfs://${location.replace(':/', '/')}`;
  return {
    put: (file, name) => ['nfs-cp', file, `${nfs}/${name}?version=3`],
    get: (name, file) => ['nfs-cp', `${nfs}/${name}?version=3`, file],
    list: ['nfs-ls', `${nfs}?version=3`],
  };
}

function insideOf({ command }: ClientMachine): (argv: string[]) => Promise<string> {
  return async (argv) => {
    const [program = '', ...args] = [...command, ...argv];
    try {
      const { stdout } = await run(program, args, { timeout: 60_000 });
      return stdout;
    } catch (error) {
      const said = z.object({ stdout: z.string(), stderr: z.string() }).safeParse(error);
      const words = said.success ? `${said.data.stdout}${said.data.stderr}`.trim() : String(error);
      throw new Error(`${argv[0]}: ${words}`, { cause: error });
    }
  };
}

/** An NFS server refuses a mount when it happens to read its exports anew between two of the steps that a mount takes it. */
function twiceWhenRefused(inside: ReturnType<typeof insideOf>): typeof inside {
  return async (argv) => {
    try {
      return await inside(argv);
    } catch (error) {
      if (!String(error).includes('MNT3ERR_ACCES')) throw error;
      await sleep(500);
      return inside(argv);
    }
  };
}

/** A process there passes the bytes on, for no socket of ours could be moved into its namespace. */
const relay = `
  const [port, host] = process.argv.slice(1);
  const socket = require('node:net').connect({ host, port, timeout: 10_000 });
  socket.on('error', () => process.exit(1)).on('close', () => process.exit(0));
  socket.once('connect', () => socket.setTimeout(0));
  socket.once('timeout', () => process.exit(1));
  process.stdin.pipe(socket).pipe(process.stdout);
`;

function connectFrom({ command }: ClientMachine, address: string, port: number): Duplex {
  const argv = [...command, process.execPath, '-e', relay, String(port), address];
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const duplex = Duplex.from({ readable: child.stdout, writable: child.stdin });
  child.once('error', (error) => duplex.destroy(error));
  duplex.once('close', () => child.kill());
  return duplex;
}

async function checksum(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
