import type { Socket } from 'node:net';
import ssh2 from 'ssh2';
import { HostKeyMismatch, HostUnreachable, SshAuthenticationRefused } from './errors.js';
import { fingerprintOf, readPublicKey } from './host-key.js';
import { openSocket } from './open-socket.js';

export interface Host {
  address: string;
  /** @default 22 */
  port?: number | undefined;
  /** The key it must prove: `ssh-ed25519 AAAA…`; a comment is ignored. */
  hostKey: string;
}

export interface Login {
  user: string;
  privateKey?: string | undefined;
  password?: string | undefined;
  /** `http://host:port`, asked for tunnels by HTTP CONNECT. */
  proxy?: string | undefined;
  connectTimeoutMs: number;
  keepAliveMs: number;
}

/** After this many keep-alives without an answer the host counts as gone. */
const MISSED_KEEP_ALIVES = 3;

export interface Link {
  client: ssh2.Client;
  /** Below the client, which has no means of its own to end a connection whose other side is silent. */
  socket: Socket;
}

/**
 * Connects and logs in.
 *
 * @throws HostUnreachable, HostKeyMismatch, SshAuthenticationRefused
 */
export async function connect(host: Host, login: Login, signal: AbortSignal): Promise<Link> {
  const { address, port = 22 } = host;
  const { proxy, user, connectTimeoutMs } = login;
  const pinned = readPublicKey(host.hostKey);
  const seen: { actual?: Buffer } = {};
  let socket: Socket | undefined;
  const stop = (): void => void socket?.destroy(signal.reason as Error);
  try {
    socket = await openSocket({ address, port, proxy, timeoutMs: connectTimeoutMs, signal });
    signal.addEventListener('abort', stop);
    const client = await logIn(login, {
      ...loginConfig(login),
      sock: socket,
      algorithms: { serverHostKey: hostKeyAlgorithms(pinned.type) },
      hostVerifier: (key: Buffer) => {
        seen.actual = key;
        return key.equals(pinned.blob);
      },
    });
    return { client, socket };
  } catch (cause) {
    socket?.destroy();
    throw explain(cause, { address, user, expected: pinned.blob, ...seen });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

const loginConfig = (login: Login): ssh2.ConnectConfig => ({
  username: login.user,
  privateKey: login.privateKey,
  password: login.password,
  tryKeyboard: true,
  authHandler: [
    ...(login.privateKey === undefined ? [] : ['publickey' as const]),
    ...(login.password === undefined ? [] : ['password' as const, 'keyboard-interactive' as const]),
  ],
  readyTimeout: login.connectTimeoutMs,
  keepaliveInterval: login.keepAliveMs,
  keepaliveCountMax: MISSED_KEEP_ALIVES,
});

/** Settles once: the client keeps emitting afterwards, and an unheard `error` would end the process. */
async function logIn({ password = '' }: Login, config: ssh2.ConnectConfig): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  // Hosts with PAM often ask for the password in this way only. Whatever else they ask stays unanswered.
  client.on('keyboard-interactive', (_name, _instructions, _language, prompts, answer) => {
    answer(prompts.map(({ echo }) => (echo ? '' : password)));
  });
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    client.once('close', () => reject(new Error('the host closed the connection')));
    client.once('ready', () => resolve(client));
    client.connect(config);
  });
}

/**
 * The pinned key's algorithms first, so that a host with several keys proves that one. The others follow
 * only to see which key an impostor has: no other key is ever accepted.
 */
function hostKeyAlgorithms(type: string): ssh2.ServerHostKeyAlgorithm[] {
  const all: ssh2.ServerHostKeyAlgorithm[] = [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ];
  const family = type === 'ssh-rsa' ? 'rsa-' : type;
  return all.toSorted((a, b) => Number(b.startsWith(family)) - Number(a.startsWith(family)));
}

function explain(
  cause: unknown,
  seen: { address: string; user: string; expected: Buffer; actual?: Buffer },
): Error {
  const { address, user, expected, actual } = seen;
  if (actual !== undefined && !actual.equals(expected)) {
    return new HostKeyMismatch({
      address,
      expected: fingerprintOf(expected),
      actual: fingerprintOf(actual),
    });
  }
  const refused =
    cause instanceof Error && 'level' in cause && cause.level === 'client-authentication';
  if (refused) return new SshAuthenticationRefused({ address, user, cause });
  return new HostUnreachable({ address, cause });
}
