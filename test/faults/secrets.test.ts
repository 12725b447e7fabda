import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Callers, lookIntoLogs } from '../../faults/oracles/secrets.js';
import { reportOf, verdictOnWhole } from '../../faults/report.js';

const password = 'pass-word_of-a-lane';

const planted = [
  ['a password of a lane', `{"msg":"sent","password":"${password}"}`],
  ['a private key', '{"key":"-----BEGIN OPENSSH PRIVATE KEY-----\\nabc"}'],
  ['a token', '{"headers":{"x-auth-token":"gAAAAABn5"}}'],
];

test.each(planted)('%s in a log is found, and not told once more', async (_, line) => {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-logs-'));
  const files = ['temporal.log', 'worker.log', 'worker-2.log'].map((name) => join(folder, name));
  await writeFile(files[0] ?? '', 'nothing\n');
  await writeFile(files[1] ?? '', `${'nothing\n'.repeat(2)}${line}\n${line}\n`);
  const found = await lookIntoLogs(files, [password]);
  expect(found).toEqual([{ outcome: 'lost', text: 'a secret is in worker.log, line 3' }]);
  await rm(folder, { recursive: true });
});

class Client {
  readonly #message: string;
  readonly name = 'client';

  constructor(message: string) {
    this.#message = message;
  }

  async refuse(): Promise<never> {
    throw new Error('it failed', {
      cause: Object.assign(new Error('cause'), { x: this.#message }),
    });
  }

  refuseAtOnce(): never {
    throw new Error(this.#message);
  }

  async agree(): Promise<string> {
    return this.#message;
  }
}

test.each(planted)('%s in an error that a caller gets is found', async (_, line) => {
  const callers = new Callers([password]);
  const client = callers.overhear(new Client(line ?? ''));
  await expect(client.refuse()).rejects.toThrow('it failed');
  expect(() => client.refuseAtOnce()).toThrow(line);
  expect(callers.findings).toEqual(
    ['refuse', 'refuseAtOnce'].map((call) => ({
      outcome: 'lost',
      text: `a secret is in an error of ${call}`,
    })),
  );
});

test('a caller who is told no secret, and one who succeeds, are left in peace', async () => {
  const callers = new Callers([password]);
  const client = callers.overhear(new Client('share x is not there'));
  await expect(client.refuse()).rejects.toThrow('it failed');
  expect(await client.agree()).toBe('share x is not there');
  expect(client.name).toBe('client');
  expect(callers.findings).toEqual([]);
});

test('a secret that was told makes a run fail, and is looked for in another one', () => {
  const verdict = verdictOnWhole('secrets', [{ outcome: 'lost', text: 'a secret is in x' }]);
  const args = ['--json', '--only', 'a/GET x/500'];
  const report = reportOf([verdict], { startedAt: 0, planned: 1, replayed: 0, args });
  expect(report).toMatchObject({ lost: 1, failed: [{ findings: ['lost: a secret is in x'] }] });
  expect(report.failed[0]?.rerun).toBe("npm run faults -- --json --only 'a/GET x/500' --keep");
});
