import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  CommandTimedOut,
  ConnectionLost,
  HostKeyMismatch,
  HostUnreachable,
  SshAuthenticationRefused,
} from '../../ssh/errors.js';
import { fingerprint, generateHostKey, publicKeyOf } from '../../ssh/host-key.js';
import { type Host, SshPool, type SshPoolOptions } from '../../ssh/pool.js';
import { PASSWORD, Ssh2Host, USER, freePort } from './ssh-hosts.js';

let target: Ssh2Host;
const cleanUps: (() => unknown)[] = [];

const open = (options: Partial<SshPoolOptions> = {}): SshPool => {
  const pool = new SshPool({ user: USER, privateKey: target.privateKey, ...options });
  cleanUps.push(() => pool.close());
  return pool;
};

const run = async (
  pool: SshPool,
  script = 'echo done',
  more: { signal?: AbortSignal; host?: Host } = {},
) => pool.run(more.host ?? target.host, { name: 'try-it', script, timeoutMs: 20_000 }, more);

const failure = async (work: Promise<unknown>): Promise<Error> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('it did not fail');
  return error;
};

/** A TCP server that does as told with each connection. */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

type Hand = (said: Buffer, pass: (data: Buffer) => void, by: 'caller' | 'host') => void;

/** `target` behind a relay, which hands on what is said as it is told. */
async function relayed(hand: Hand): Promise<Host> {
  const relay = createServer((near) => {
    const far = connect(target.host.port ?? 0, '127.0.0.1');
    far.on('error', () => undefined);
    near.on('data', (said) => hand(said, (data) => far.write(data), 'caller'));
    far.on('data', (said) => hand(said, (data) => near.write(data), 'host'));
    near.on('close', () => far.destroy());
  });
  return { ...target.host, port: await listen(relay) };
}

beforeEach(async () => {
  target = await Ssh2Host.start();
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
  await target.close();
});

describe('connections', () => {
  test('are made once for all who ask at the same time, and kept', async () => {
    const pool = open();
    await Promise.all(Array.from({ length: 10 }, async () => run(pool)));
    await run(pool);
    expect(target.connections).toBe(1);
  });

  test('carry no more sessions at a time than allowed; the others wait', async () => {
    const pool = open({ maxSessionsPerConnection: 3 });
    await Promise.all(Array.from({ length: 12 }, async () => run(pool, 'sleep 0.05')));
    expect(target.mostSessions).toBe(3);
    expect(target.connections).toBe(1);
  });

  test('are closed when nobody has used them for a while, and made anew', async () => {
    const pool = open({ idleMs: 100 });
    await run(pool, 'sleep 0.3');
    await run(pool);
    expect(target.connections).toBe(1);
    await expect.poll(() => target.openConnections).toBe(0);
    await run(pool);
    expect(target.connections).toBe(2);
  });

  test('are made when their host has been brought within reach, once for each', async () => {
    const asked: string[] = [];
    const pool = open({
      beforeConnect: async (address) => {
        expect(target.connections).toBe(0);
        asked.push(address);
        await sleep(50);
      },
    });
    await Promise.all([run(pool), run(pool)]);
    await run(pool);
    expect(asked).toEqual([target.host.address]);
  });

  test('are not tried when their host cannot be brought within reach, until somebody asks again', async () => {
    let reason: Error | undefined = new Error('no way there');
    const pool = open({ beforeConnect: async () => (reason ? Promise.reject(reason) : undefined) });
    expect(await failure(run(pool))).toBe(reason);
    expect(target.connections).toBe(0);
    reason = undefined;
    await run(pool);
  });

  test('that broke are made anew by the next command', async () => {
    const pool = open();
    await run(pool);
    target.dropConnections();
    await expect.poll(() => target.openConnections).toBe(0);
    await sleep(20);
    expect(await run(pool)).toEqual({ stdout: 'done\n', stderr: '' });
    expect(target.connections).toBe(2);
  });

  test('that broke take those who wait for a session to a new one', async () => {
    const pool = open({ maxSessionsPerConnection: 1 });
    const first = failure(run(pool, 'sleep 10'));
    await expect.poll(() => target.runningSessions).toBe(1);
    const second = run(pool);
    target.dropConnections();
    expect(await first).toBeInstanceOf(ConnectionLost);
    expect((await second).stdout).toBe('done\n');
  });

  test('end with the pool, and so do commands under way', async () => {
    const pool = open();
    const running = failure(run(pool, 'sleep 10'));
    await expect.poll(() => target.runningSessions).toBe(1);
    pool.close();
    expect(await running).toBeInstanceOf(ConnectionLost);
    await expect.poll(() => target.openConnections).toBe(0);
    expect(await failure(run(pool))).toBeInstanceOf(HostUnreachable);
    expect(target.connections).toBe(1);
  });

  test('that are being made end with the pool too', async () => {
    const port = await listen(createServer());
    const pool = open();
    const pending = failure(run(pool, 'true', { host: { ...target.host, port } }));
    await sleep(50);
    pool.close();
    expect((await pending).message).toContain('the pool of SSH connections is closed');
  });
});

describe('the host key', () => {
  test('must be the pinned one; otherwise nothing is sent, not even the user’s name', async () => {
    const pinned = generateHostKey().publicKey;
    const error = await failure(run(open(), 'true', { host: { ...target.host, hostKey: pinned } }));
    expect(error).toBeInstanceOf(HostKeyMismatch);
    expect(error).toMatchObject({
      address: '127.0.0.1',
      expected: fingerprint(pinned),
      actual: fingerprint(target.host.hostKey),
    });
    expect(target.loginAttempts).toBe(0);
    expect(target.commands).toEqual([]);
  });

  test('may be pinned with a comment', async () => {
    const hostKey = `${target.host.hostKey} root@service-instance\n`;
    await run(open(), 'true', { host: { ...target.host, hostKey } });
  });

  test('is checked for each pinned key apart, though the address is the same', async () => {
    const pool = open();
    await run(pool);
    const host = { ...target.host, hostKey: generateHostKey().publicKey };
    expect(await failure(run(pool, 'true', { host }))).toBeInstanceOf(HostKeyMismatch);
    await run(pool);
    expect(target.connections).toBe(2);
  });

  test('of a host with several keys is the pinned one', async () => {
    const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).private;
    const ecdsa = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private;
    const keys = [rsa, ecdsa, generateHostKey().privateKey];
    const host = await Ssh2Host.start(keys);
    cleanUps.push(async () => host.close());
    const pool = new SshPool({ user: USER, privateKey: host.privateKey });
    cleanUps.push(() => pool.close());
    for (const key of keys) await pool.ping({ ...host.host, hostKey: publicKeyOf(key) });
    expect(host.connections).toBe(3);
  });

  test('of another kind than the pinned one is seen and refused', async () => {
    const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).private;
    const host = await Ssh2Host.start([rsa]);
    cleanUps.push(async () => host.close());
    const impostor = { ...host.host, hostKey: target.host.hostKey };
    expect(await failure(open().ping(impostor))).toMatchObject({
      name: 'HostKeyMismatch',
      actual: fingerprint(publicKeyOf(rsa)),
    });
  });

  test('that is no key is refused before anything is sent', async () => {
    for (const hostKey of ['', 'ssh-ed25519', 'ssh-ed25519 AAAA', 'rubbish']) {
      const host = { ...target.host, hostKey };
      expect((await failure(run(open(), 'true', { host }))).message).toContain('Not a public key');
    }
    expect(target.connections).toBe(0);
  });
});

describe('logging in', () => {
  test('works with a password too', async () => {
    await run(open({ privateKey: undefined, password: PASSWORD }));
    await run(open({ privateKey: generateHostKey().privateKey, password: PASSWORD }));
  });

  test('works where the host asks for the password, which goes only where nobody reads along', async () => {
    target.asksForPasswords = true;
    await run(open({ privateKey: undefined, password: PASSWORD }));
    const wrong = await failure(run(open({ privateKey: undefined, password: 'guess' })));
    expect(wrong).toBeInstanceOf(SshAuthenticationRefused);
  });

  test.each<[string, Partial<SshPoolOptions>]>([
    ['another key', { privateKey: generateHostKey().privateKey }],
    ['a wrong password', { privateKey: undefined, password: 'guess' }],
    ['another user', { user: 'nobody' }],
  ])('is refused with %s', async (_, options) => {
    const error = await failure(run(open(options)));
    expect(error).toBeInstanceOf(SshAuthenticationRefused);
    expect(error).toMatchObject({ address: '127.0.0.1', user: options.user ?? USER });
    expect(target.commands).toEqual([]);
  });

  test('needs something to log in with, checked at once', () => {
    expect(() => new SshPool({ user: USER })).toThrow('a private key or a password');
    expect(() => new SshPool({ user: USER, privateKey: 'rubbish' })).toThrow('private key');
    const locked = ssh2.utils.generateKeyPairSync('ecdsa', {
      bits: 256,
      passphrase: 'x',
      cipher: 'aes256-ctr',
      rounds: 1,
    }).private;
    expect(() => new SshPool({ user: USER, privateKey: locked })).toThrow(
      /passphrase|[Ee]ncrypted/,
    );
  });

  test('shows keys and passwords to nobody', async () => {
    const pool = open({ password: PASSWORD });
    await run(pool);
    const refused = await failure(run(open({ privateKey: undefined, password: 'guess-9' })));
    const shown = inspect([pool, refused], { depth: 20, showHidden: true });
    expect(shown).not.toContain(PASSWORD);
    expect(shown).not.toContain('guess-9');
    expect(shown).not.toContain(target.privateKey.split('\n')[1] ?? '');
  });
});

describe('a host that cannot be reached', () => {
  test('is told from others by address and reason', async () => {
    const host = { ...target.host, port: await freePort() };
    const error = await failure(run(open(), 'true', { host }));
    expect(error).toBeInstanceOf(HostUnreachable);
    expect(error).toMatchObject({ address: '127.0.0.1' });
    expect(error.message).toContain('ECONNREFUSED');
  });

  test('is given up in time if it says nothing', async () => {
    const host = { ...target.host, port: await listen(createServer()) };
    const started = performance.now();
    const error = await failure(run(open({ connectTimeoutMs: 200 }), 'true', { host }));
    expect(error).toBeInstanceOf(HostUnreachable);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('is no SSH server at all', async () => {
    const http = createHttpServer((_, response) => response.end());
    const host = { ...target.host, port: await listen(http) };
    expect(await failure(run(open(), 'true', { host }))).toBeInstanceOf(HostUnreachable);
    const closes = createServer((socket) => socket.end());
    const other = { ...target.host, port: await listen(closes) };
    expect(await failure(run(open(), 'true', { host: other }))).toBeInstanceOf(HostUnreachable);
  });

  test('opens no session, so nothing was sent', async () => {
    target.habit = 'refuses';
    expect(await failure(run(open()))).toBeInstanceOf(HostUnreachable);
  });

  test('is asked again by the next command', async () => {
    const port = await freePort();
    const pool = open();
    const key = generateHostKey();
    const host = { address: '127.0.0.1', port, hostKey: key.publicKey };
    expect(await failure(run(pool, 'true', { host }))).toBeInstanceOf(HostUnreachable);
    const late = await Ssh2Host.start([key.privateKey], port);
    cleanUps.push(async () => late.close());
    expect(await failure(run(pool, 'true', { host }))).toBeInstanceOf(SshAuthenticationRefused);
  });
});

describe('a connection that breaks in the middle of a command', () => {
  test('leaves open what the command did', async () => {
    const pool = open();
    const lost = failure(run(pool, 'sleep 10'));
    await expect.poll(() => target.runningSessions).toBe(1);
    target.dropConnections();
    const error = await lost;
    expect(error).toBeInstanceOf(ConnectionLost);
    expect(error).toMatchObject({ address: '127.0.0.1', command: 'try-it' });
    expect(error.message).toContain('not known');
  });

  test('does so also when the host ends the session without saying how it went', async () => {
    target.habit = 'ends without an exit code';
    expect(await failure(run(open()))).toBeInstanceOf(ConnectionLost);
  });

  test('does so when the host falls silent', async () => {
    let frozen = false;
    const host = await relayed((said, pass) => frozen || pass(said));
    const pool = open({ keepAliveMs: 50 });
    const lost = failure(run(pool, 'sleep 10', { host }));
    await expect.poll(() => target.runningSessions).toBe(1);
    frozen = true;
    const error = await lost;
    expect(error).toBeInstanceOf(ConnectionLost);
    expect(error.message).toContain('Keepalive timeout');
    frozen = false;
    expect((await run(pool, 'echo back', { host })).stdout).toBe('back\n');
  });
});

describe('a host that ends a command at once', () => {
  test('is heard, also when the end comes in the same breath as the beginning', async () => {
    target.habit = 'ends at once with 7';
    const breath: Buffer[] = [];
    const host = await relayed((said, pass, by) => {
      if (by === 'caller') return pass(said);
      if (breath.push(said) === 1) setTimeout(() => pass(Buffer.concat(breath.splice(0))), 50);
    });
    await expect(run(open(), 'exit 7', { host })).rejects.toMatchObject({
      name: 'CommandFailed',
      exitCode: 7,
    });
  });
});

describe('a host that never ends a command', () => {
  test('is given up a little after the time limit, and gets a new connection', async () => {
    target.habit = 'never ends';
    const pool = open();
    const command = { name: 'try-it', script: 'true', timeoutMs: 100 };
    const error = await failure(pool.run(target.host, command));
    expect(error).toBeInstanceOf(CommandTimedOut);
    expect(error).toMatchObject({ answered: false, timeoutMs: 100 });
    target.habit = 'runs it';
    await run(pool);
    expect(target.connections).toBe(2);
    await expect.poll(() => target.openConnections).toBe(1);
  });
});

describe('an abort', () => {
  const reason = new Error('cancelled');

  test('leaves a running command at once', async () => {
    const pool = open();
    const controller = new AbortController();
    const left = failure(run(pool, 'sleep 10', { signal: controller.signal }));
    await expect.poll(() => target.runningSessions).toBe(1);
    controller.abort(reason);
    expect(await left).toBe(reason);
    await run(pool);
    expect(target.connections).toBe(1);
  });

  test('before the start sends nothing', async () => {
    expect(await failure(run(open(), 'true', { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(target.connections).toBe(0);
  });

  test('of one who waits for the connection does not disturb the others', async () => {
    const pool = open();
    const controller = new AbortController();
    const left = failure(run(pool, 'true', { signal: controller.signal }));
    const stayed = run(pool);
    controller.abort(reason);
    expect(await left).toBe(reason);
    expect((await stayed).stdout).toBe('done\n');
    expect(target.connections).toBe(1);
  });

  test('of one who waits for a session gives the turn to the next', async () => {
    const pool = open({ maxSessionsPerConnection: 1 });
    const first = run(pool, 'sleep 0.3; echo first');
    await expect.poll(() => target.runningSessions).toBe(1);
    const controller = new AbortController();
    const second = failure(run(pool, 'echo second', { signal: controller.signal }));
    const third = run(pool, 'echo third');
    await sleep(20);
    controller.abort(reason);
    expect(await second).toBe(reason);
    expect([(await first).stdout, (await third).stdout]).toEqual(['first\n', 'third\n']);
    await run(pool);
    expect(target.commands).toHaveLength(3);
  });
});

describe('a ping', () => {
  test('connects and logs in, and runs nothing', async () => {
    const pool = open();
    await pool.ping(target.host);
    expect(target.commands).toEqual([]);
    await run(pool);
    expect(target.connections).toBe(1);
  });

  test('does not take an old connection’s word for it', async () => {
    const { port = 0, hostKey } = target.host;
    const pool = open();
    await pool.ping(target.host);
    const running = run(pool, 'sleep 0.3; echo done');
    await expect.poll(() => target.runningSessions).toBe(1);
    await pool.ping(target.host);
    expect(target.connections).toBe(2);
    expect((await running).stdout).toBe('done\n');
    await expect.poll(() => target.openConnections).toBe(1);
    await target.close();
    const rebuilt = await Ssh2Host.start([generateHostKey().privateKey], port);
    cleanUps.push(async () => rebuilt.close());
    expect(await failure(pool.ping({ address: '127.0.0.1', port, hostKey }))).toBeInstanceOf(
      HostKeyMismatch,
    );
    target = await Ssh2Host.start();
  });
});

describe('a proxy', () => {
  const tunnel = async (
    answer: 'tunnel' | number | 'silence',
    seen: string[] = [],
  ): Promise<string> => {
    const proxy = createHttpServer();
    proxy.on('connect', ({ url = '', headers }, socket) => {
      seen.push(url, headers['proxy-authorization'] ?? 'no credentials');
      if (answer === 'silence') return;
      if (answer !== 'tunnel') {
        socket.end(`HTTP/1.1 ${answer} No\r\ncontent-length: 0\r\n\r\n`);
        return;
      }
      const far = connect(Number(url.split(':').at(-1)), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        far.pipe(socket).pipe(far);
      });
      far.on('error', () => socket.destroy());
    });
    return `127.0.0.1:${await listen(proxy)}`;
  };

  test('carries connections', async () => {
    const seen: string[] = [];
    const proxy = await tunnel('tunnel', seen);
    const pool = open({ proxy: `http://me:p%40ss@${proxy}` });
    expect((await run(pool)).stdout).toBe('done\n');
    const credentials = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    expect(seen).toEqual([`127.0.0.1:${target.host.port}`, credentials]);
  });

  test('that refuses is named, with its answer and without its password', async () => {
    const proxy = await tunnel(403);
    const error = await failure(run(open({ proxy: `http://me:hunter2@${proxy}` })));
    expect(error).toBeInstanceOf(HostUnreachable);
    expect(error.message).toContain(`the proxy ${proxy} answered 403 to CONNECT 127.0.0.1:`);
    expect(inspect(error, { depth: 9 })).not.toContain('hunter2');
  });

  test('that is not there or says nothing is named too', async () => {
    const gone = `127.0.0.1:${await freePort()}`;
    expect((await failure(run(open({ proxy: `http://${gone}` })))).message).toContain(
      `the proxy ${gone} failed`,
    );
    const silent = `http://${await tunnel('silence')}`;
    const error = await failure(run(open({ proxy: silent, connectTimeoutMs: 200 })));
    expect(error).toBeInstanceOf(HostUnreachable);
    expect(error.message).toContain('no connection within 0.2 s');
  });
});
