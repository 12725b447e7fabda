import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type ServerChannel } from 'ssh2';
import type { HostWatch } from '../hosts.js';
import { createSshServer } from './ssh-server.js';
import { joinWatched, type RunningCommand } from './watched-command.js';
import { createWire } from './wire.js';

export interface RelayOptions {
  /** Opens the machine. */
  privateKey: string;
  /** The machine's own private key: whoever asks sees no difference. */
  hostKey: string;
  authorizedKeys: string[];
  watch: HostWatch;
}

/** As long as a client may wait for a login, and as often as it asks for a sign of life, at the most. */
const limits = { readyTimeout: 60_000, keepaliveInterval: 10_000, keepaliveCountMax: 3 };

/**
 * Puts an SSH server between a client and a machine's own, where commands can be watched. Nothing else goes through. Returns
 * when the machine let us in.
 */
export async function relay(
  machine: Duplex,
  { privateKey, hostKey, authorizedKeys, watch }: RelayOptions,
): Promise<Duplex> {
  const guest = await logIn(machine, { privateKey, hostKey });
  const [near, far] = createWire();
  const server = createSshServer({
    hostKey,
    authorizedKeys,
    run: (command, channel, hangUp) =>
      guest.exec(command, (error, running) => {
        if (error) hangUp();
        else passOn(command, channel, running, hangUp);
      }),
  });
  const passOn = (
    text: string,
    channel: ServerChannel,
    running: ssh2.ClientChannel,
    hangUp: () => void,
  ) => {
    // As with OpenSSH, what runs goes on when its connection is lost.
    channel.on('close', () => running.close());
    joinWatched(channel, { text, ...runningOn(running) }, { hangUp, watch });
  };
  guest.on('close', () => far.destroy());
  far.on('error', () => undefined).on('close', () => machine.destroy());
  // ssh2 asks of an injected socket only what every Duplex has.
  const socket: Duplex = far;
  server.injectSocket(socket as Socket);
  return near;
}

async function logIn(
  machine: Duplex,
  { privateKey, hostKey }: Pick<RelayOptions, 'privateKey' | 'hostKey'>,
): Promise<ssh2.Client> {
  const guest = new ssh2.Client();
  const proven = publicPartOf(hostKey);
  try {
    await new Promise<void>((resolve, reject) => {
      guest.once('ready', resolve).on('error', reject);
      guest.once('close', () => reject(new Error('The machine closed the connection')));
      guest.connect({
        ...limits,
        sock: machine,
        username: 'manila',
        privateKey,
        hostVerifier: (key: Buffer) => key.equals(proven),
      });
    });
  } catch (error) {
    machine.destroy();
    throw error;
  }
  // Each session listens for the end of the connection.
  return guest.setMaxListeners(0);
}

function runningOn(channel: ssh2.ClientChannel): Omit<RunningCommand, 'text'> {
  let ending: number | { signal: string } | undefined;
  channel.on('exit', (code: number | null, signal?: string) => {
    ending = code ?? { signal: signal?.replace(/^SIG/, '') ?? 'KILL' };
  });
  channel.on('error', () => undefined);
  const closed = Promise.all([once(channel, 'close'), once(channel.stderr, 'close')]);
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended: closed.then(
      () => ending,
      () => undefined,
    ),
  };
}

function publicPartOf(privateKey: string): Buffer {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  return key.getPublicSSH();
}
