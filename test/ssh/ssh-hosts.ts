import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2 from 'ssh2';
import { type HostKey, generateHostKey, publicKeyOf } from '../../ssh/host-key.js';
import type { Host } from '../../ssh/pool.js';

export const USER = 'manila';
export const PASSWORD = 'correct horse';

/** A host that really runs what it is sent, with the rights of this process. */
export interface TestHost {
  host: Host;
  user: string;
  /** Lets its owner in. */
  privateKey: string;
  home: string;
  close(): Promise<void>;
}

const SUDO = `#!/bin/sh\n[ "$1" = -n ] || exit 97\nshift\nexec "$@"\n`;

/** A directory with a `sudo` for PATH, and a home. */
function makeHome(): { dir: string; env: Record<string, string> } {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-ssh-'));
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'bin/sudo'), SUDO);
  chmodSync(join(dir, 'bin/sudo'), 0o755);
  const path = [join(dir, 'bin'), process.env['PATH']].join(delimiter);
  return { dir, env: { PATH: path, HOME: dir } };
}

/** What happens when a session is asked to run a command. */
export type SessionHabit =
  'runs it' | 'refuses' | 'never ends' | 'ends at once with 7' | 'ends without an exit code';

/** ssh2's own server. */
export class Ssh2Host implements TestHost {
  readonly home: string;
  readonly user = USER;
  readonly host: Host;
  readonly privateKey: string;
  readonly commands: string[] = [];
  connections = 0;
  loginAttempts = 0;
  runningSessions = 0;
  mostSessions = 0;
  habit: SessionHabit = 'runs it';
  /** As hosts do that leave passwords to PAM: it asks for them, and takes none that are simply sent. */
  asksForPasswords = false;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  readonly #env: Record<string, string>;

  private constructor(listener: Server, hostKeys: string[]) {
    const { port } = listener.address() as AddressInfo;
    this.host = { address: '127.0.0.1', port, hostKey: publicKeyOf(hostKeys[0] ?? '') };
    const owner = generateHostKey();
    this.privateKey = owner.privateKey;
    const { dir, env } = makeHome();
    this.home = dir;
    this.#env = env;
    this.#listener = listener;
    const ssh = new ssh2.Server({ hostKeys }, (client) => this.#serve(client, owner));
    listener.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      ssh.injectSocket(socket);
    });
  }

  static async start(hostKeys = [generateHostKey().privateKey], port = 0): Promise<Ssh2Host> {
    const listener = createServer().listen(port, '127.0.0.1');
    await once(listener, 'listening');
    return new Ssh2Host(listener, hostKeys);
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.dropConnections();
    this.#listener.close();
    await once(this.#listener, 'close');
    rmSync(this.home, { recursive: true, force: true });
  }

  #serve(client: ssh2.Connection, owner: HostKey): void {
    client.on('error', () => undefined);
    client.on('authentication', (attempt) => {
      this.loginAttempts += 1;
      if (this.asksForPasswords) return askForPassword(attempt);
      if (lets(attempt, owner)) attempt.accept();
      else attempt.reject(['publickey', 'password']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, rejectExec, { command }) => {
        this.commands.push(command);
        if (this.habit === 'refuses') rejectExec();
        else this.#execute(command, acceptExec());
      });
    });
  }

  #execute(command: string, channel: ssh2.ServerChannel): void {
    if (this.habit === 'never ends') return;
    if (this.habit === 'runs it') return this.#run(command, channel);
    if (this.habit === 'ends without an exit code') return void channel.end('half an ans');
    channel.resume();
    channel.exit(7);
    channel.end();
  }

  #run(command: string, channel: ssh2.ServerChannel): void {
    this.runningSessions += 1;
    this.mostSessions = Math.max(this.mostSessions, this.runningSessions);
    const child = spawn('/bin/sh', ['-c', command], { env: this.#env });
    child.stdin.on('error', () => undefined);
    channel.pipe(child.stdin);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    channel.on('close', () => {
      child.stdout.destroy();
      child.stderr.destroy();
    });
    child.on('close', (code, signal) => {
      this.runningSessions -= 1;
      if (signal === null) channel.exit(code ?? 255);
      else channel.exit(signal.slice(3));
      channel.end();
    });
  }
}

function askForPassword(attempt: ssh2.AuthContext): void {
  if (attempt.method !== 'keyboard-interactive') return attempt.reject(['keyboard-interactive']);
  const prompts = [
    { prompt: 'Name of your first pet: ', echo: true },
    { prompt: 'Password: ', echo: false },
  ];
  attempt.prompt(prompts, ([pet, password]) => {
    if (pet === '' && password === PASSWORD) attempt.accept();
    else attempt.reject();
  });
}

function lets(attempt: ssh2.AuthContext, owner: HostKey): boolean {
  if (attempt.username !== USER) return false;
  if (attempt.method === 'password') return attempt.password === PASSWORD;
  if (attempt.method !== 'publickey') return false;
  const key = ssh2.utils.parseKey(owner.publicKey);
  if (key instanceof Error || !attempt.key.data.equals(key.getPublicSSH())) return false;
  if (attempt.signature === undefined) return true;
  return key.verify(attempt.blob ?? Buffer.of(), attempt.signature, attempt.hashAlgo);
}

export const haveSshd = ((): boolean => {
  try {
    accessSync('/usr/sbin/sshd');
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
})();

/** OpenSSH's own server, as root on a loopback port. */
export async function startSshd(): Promise<TestHost> {
  const { dir, env } = makeHome();
  const hostKey = generateHostKey();
  const owner = generateHostKey();
  const port = await freePort();
  writeFileSync(join(dir, 'host_key'), hostKey.privateKey, { mode: 0o600 });
  writeFileSync(join(dir, 'authorized_keys'), owner.publicKey);
  const settings = {
    ListenAddress: `127.0.0.1:${port}`,
    HostKey: join(dir, 'host_key'),
    AuthorizedKeysFile: join(dir, 'authorized_keys'),
    PermitRootLogin: 'prohibit-password',
    StrictModes: 'no',
    UsePAM: 'no',
    PidFile: 'none',
    SetEnv: `PATH=${env['PATH']} HOME=${dir}`,
  };
  const text = Object.entries(settings).map(([key, value]) => `${key} ${value}\n`);
  writeFileSync(join(dir, 'sshd_config'), text.join(''));
  mkdirSync('/run/sshd', { recursive: true });
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'sshd_config')], {
    stdio: 'ignore',
  });
  await untilListening(port, sshd);
  return {
    host: { address: '127.0.0.1', port, hostKey: hostKey.publicKey },
    user: 'root',
    privateKey: owner.privateKey,
    home: dir,
    close: async () => {
      sshd.kill();
      await once(sshd, 'exit');
      rmSync(dir, { recursive: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(port: number, sshd: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (sshd.exitCode !== null) throw new Error(`sshd ended with ${sshd.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error('sshd does not listen');
}
