import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeCommand } from '../../ssh/command.js';
import { CommandFailed, CommandTimedOut, InvalidCommand, OutputTooLong } from '../../ssh/errors.js';
import { type Command, type Output, SshPool } from '../../ssh/pool.js';
import { Ssh2Host, type TestHost, haveSshd, startSshd } from './ssh-hosts.js';

const servers = [
  { name: 'ssh2', start: async (): Promise<TestHost> => Ssh2Host.start(), skip: false },
  { name: 'OpenSSH', start: startSshd, skip: !haveSshd },
];

const KIB = 1024;
const MIB = 1024 * KIB;

for (const { name, start, skip } of servers) {
  describe.skipIf(skip)(`a command on a host with ${name}`, () => {
    let target: TestHost;
    let pool: SshPool;

    const run = async (
      script: string,
      args: string[] = [],
      more: Partial<Command> = {},
    ): Promise<Output> =>
      pool.run(target.host, { name: 'try-it', script, args, timeoutMs: 20_000, ...more });

    const failure = async (script: string, more: Partial<Command> = {}): Promise<Error> => {
      const error: unknown = await run(script, [], more).catch((one: unknown) => one);
      if (!(error instanceof Error)) throw new Error('it did not fail');
      return error;
    };

    beforeAll(async () => {
      target = await start();
      pool = new SshPool({ user: target.user, privateKey: target.privateKey });
    });

    afterAll(async () => {
      pool.close();
      await target.close();
    });

    test('gives back what it wrote, to each stream', async () => {
      const output = await run('echo "$0: $1"; echo oops >&2', ['ä€😀']);
      expect(output).toEqual({ stdout: 'try-it: ä€😀\n', stderr: 'oops\n' });
    });

    test('gets its arguments as they are, whatever they look like', async () => {
      const args = [
        '',
        ' ',
        "it's",
        '"quoted"',
        '$(id) `id` ${HOME} $0',
        "'; touch /tmp/owned; '",
        'a\nb\n',
        '-n',
        '--',
        '--kill-after=0',
        '\\',
        '\\\\0',
        '*',
        '!!',
        '%s%n',
        '\u0001\u001b[31m\u007f\r\t',
        '\u2028\ufeff',
        '',
      ];
      expect(await echoed(args)).toEqual(args);
      const random = Array.from({ length: 200 }, randomText);
      expect(await echoed(random)).toEqual(random);
    });

    test('gets no arguments if there are none, and a name that is not trusted either', async () => {
      expect((await run('echo "$#"')).stdout).toBe('0\n');
      expect((await run('echo "$0"', [], { name: '$(id)' })).stdout).toBe('$(id)\n');
    });

    test('gets arguments up to what Linux takes', async () => {
      const long = 'x'.repeat(128 * KIB - 2);
      const { stdout } = await run('echo "${#1} ${#2}"', [long, long]);
      expect(stdout).toBe(`${long.length} ${long.length}\n`);
    });

    test('finds nothing on its standard input', async () => {
      expect((await run('cat | wc -c')).stdout.trim()).toBe('0');
    });

    test.each(['false; true', 'true "$nothing"', 'false | true', '$(false); true'])(
      'stops at the first thing that fails: %s',
      async (script) => {
        expect(await failure(`${script}\ntrue`)).toBeInstanceOf(CommandFailed);
      },
    );

    test('that fails tells all about it', async () => {
      const error = await failure(
        'echo said; for i in 1 2 3 4 5 6; do echo "line $i" >&2; done; exit 3',
      );
      expect(error).toBeInstanceOf(CommandFailed);
      expect(error).toMatchObject({
        address: '127.0.0.1',
        command: 'try-it',
        exitCode: 3,
        signal: undefined,
        stdout: 'said\n',
        stderr: 'line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n',
      });
      expect(error.message).toBe(
        'try-it on 127.0.0.1 failed with exit code 3: line 2\nline 3\nline 4\nline 5\nline 6',
      );
    });

    test('that a signal ends failed, it did not take too long', async () => {
      const error = await failure('kill -KILL $$');
      expect(error).toBeInstanceOf(CommandFailed);
      expect(error.message).toMatch(/KILL|137/);
      for (const code of [124, 137]) {
        expect(await failure(`exit ${code}`)).toMatchObject({
          name: 'CommandFailed',
          exitCode: code,
        });
      }
    });

    test('that takes too long is ended on the host, with its children', async () => {
      const file = `/tmp/hawser-test-${process.pid}-${name}`;
      const script = 'sleep 60 & echo $! $$ > "$1"; wait';
      const error: unknown = await run(script, [file], { timeoutMs: 400 }).catch(
        (one: unknown) => one,
      );
      expect(error).toBeInstanceOf(CommandTimedOut);
      expect(error).toMatchObject({ command: 'try-it', timeoutMs: 400, answered: true });
      const { stdout } = await run('cat "$1"; rm "$1"', [file]);
      await sleep(100);
      for (const pid of stdout.trim().split(' ')) expect(isRunning(pid), pid).toBe(false);
    });

    test('that takes too long and will not end is killed', async () => {
      const started = performance.now();
      const error = await failure("trap '' TERM; while :; do sleep 0.1; done", { timeoutMs: 300 });
      expect(error).toMatchObject({ name: 'CommandTimedOut', answered: true });
      expect(performance.now() - started).toBeLessThan(8000);
    });

    test('whose caller has left goes on until it says something', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'hawser-test-left-'));
      const left = new AbortController();
      const script = `sleep 0.8; touch "$1/first"; printf '\\0'; touch "$1/second"`;
      const command = { name: 'try-it', script, args: [folder], timeoutMs: 20_000 };
      const waiting = pool.run(target.host, command, { signal: left.signal });
      setTimeout(() => left.abort(), 300);
      await expect(waiting).rejects.toThrow();
      await expect.poll(() => readdirSync(folder)).toEqual(['first']);
      await sleep(300);
      expect(readdirSync(folder)).toEqual(['first']);
      rmSync(folder, { recursive: true });
    });

    test('may write 4 MiB, and is stopped beyond', async () => {
      const { stdout } = await run('head -c "$1" /dev/zero', [String(4 * MIB)]);
      expect(stdout).toHaveLength(4 * MIB);
      const error = await failure('yes 0123456789abcdef');
      expect(error).toBeInstanceOf(OutputTooLong);
      expect((await run('echo alive')).stdout).toBe('alive\n');
    });

    test('runs beside many others on one connection', async () => {
      const outputs = await Promise.all(
        Array.from({ length: 60 }, async (_, index) => run('echo "$1"', [String(index)])),
      );
      expect(outputs.map(({ stdout }) => Number(stdout))).toEqual([...outputs.keys()]);
    });

    async function echoed(args: string[]): Promise<string[]> {
      const { stdout } = await run(String.raw`printf '%s\0' "$@"`, args);
      return stdout.split('\0').slice(0, -1);
    }
  });
}

describe('the text that a host’s shell parses', () => {
  test('is the same for all commands', async () => {
    const target = await Ssh2Host.start();
    const pool = new SshPool({ user: target.user, privateKey: target.privateKey });
    await pool.run(target.host, { name: 'a', script: 'true', args: ['x'], timeoutMs: 5000 });
    await pool.run(target.host, {
      name: '$(b)',
      script: 'echo "$1"',
      args: ["'$(id)"],
      timeoutMs: 9000,
    });
    expect(new Set(target.commands)).toEqual(
      new Set([
        `sudo -n /bin/bash --norc -c 'mapfile -d "" -t f && exec timeout --kill-after=5 "\${f[0]}" ` +
          `/bin/bash --norc -euo pipefail -c "\${f[1]}" "\${f[2]}" "\${f[@]:3}"'`,
      ]),
    );
    pool.close();
    await target.close();
  });
});

test('root’s .bashrc is not run before a command, though bash would for a socket', async () => {
  const target = await Ssh2Host.start();
  const pool = new SshPool({ user: target.user, privateKey: target.privateKey });
  writeFileSync(join(target.home, '.bashrc'), 'echo hello; cat >/dev/null\n');
  const command = { name: 'try-it', script: 'echo "$1"', args: ['as sent'], timeoutMs: 5000 };
  expect(await pool.run(target.host, command)).toEqual({ stdout: 'as sent\n', stderr: '' });
  pool.close();
  await target.close();
});

describe('a command that cannot be sent as it is', () => {
  const command: Command = { name: 'try-it', script: 'true', timeoutMs: 1000 };

  test.each([
    ['a NUL in an argument', { args: ['ok', 'a\0b'] }, 'argument 2 contains a NUL'],
    ['a NUL in the script', { script: 'true\0' }, 'its script or name contains a NUL'],
    ['half a character', { args: ['\ud800'] }, 'argument 1 is not well-formed'],
    ['an argument that Linux would not take', { args: ['x'.repeat(128 * KIB - 1)] }, 'longer than'],
    ['too many arguments', { args: Array(9).fill('x'.repeat(127 * KIB)) }, 'longer than'],
    ['no time at all', { timeoutMs: 0 }, 'time limit of 0 ms'],
    ['negative time', { timeoutMs: -1 }, 'time limit of -1 ms'],
    ['no end', { timeoutMs: Number.NaN }, 'time limit of NaN ms'],
    ['eternity', { timeoutMs: Number.POSITIVE_INFINITY }, 'time limit of Infinity ms'],
    ['longer than a timer can wait', { timeoutMs: 1e24 }, 'time limit of 1e+24 ms'],
  ] satisfies [string, Partial<Command>, string][])('is refused: %s', (_, change, reason) => {
    const encode = (): Buffer => encodeCommand({ ...command, ...change });
    expect(encode).toThrow(InvalidCommand);
    expect(encode).toThrow(reason);
  });

  test('is refused before anything is connected', async () => {
    const target = await Ssh2Host.start();
    const pool = new SshPool({ user: target.user, privateKey: target.privateKey });
    const sent = pool.run(target.host, { ...command, args: ['\0'] });
    await expect(sent).rejects.toBeInstanceOf(InvalidCommand);
    expect(target.connections).toBe(0);
    pool.close();
    await target.close();
  });
});

/** Not counting one that is only waiting for its parent to take notice. */
function isRunning(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

/** Mostly bytes that shells care for, now and then something from far away. */
function randomText(): string {
  const length = Math.floor(Math.random() * 40);
  const codes = Array.from({ length }, () =>
    Math.random() < 0.9
      ? 1 + Math.floor(Math.random() * 255)
      : 0xe000 + Math.floor(Math.random() * 0x11_0000 - 0xe000),
  );
  return String.fromCodePoint(
    ...codes.map((code) => (code > 0xd7ff && code < 0xe000 ? 0x20 : Math.max(1, code))),
  );
}
