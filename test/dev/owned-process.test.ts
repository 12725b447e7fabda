import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OwnedProcess, StartFailed } from '../../dev/owned-process.js';
import { PortTaken, freePort, requirePort } from '../../dev/ports.js';
import { ProcessRecords, StateInUse } from '../../dev/process-records.js';
import { claimStateDirectory, emptyStateDirectory } from '../../dev/files.js';
import {
  identify,
  isAlive,
  type OwnedProcess as Identity,
} from '../../devcloud/hosts/processes.js';
import { project } from '../../setup/tools.mjs';

let directory: string;
let records: ProcessRecords;
const ended: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hawser-dev-'));
  records = new ProcessRecords(join(directory, 'pids.json'));
  ended.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Runs JavaScript as an owned process that is ready when it prints a line with that word. */
const own = (script: string, readyWithinMs = 10_000) =>
  new OwnedProcess({
    name: 'the test process',
    command: [process.execPath, '-e', script],
    directory,
    env: process.env,
    logFile: join(directory, 'logs/test.log'),
    ready: { line: (text) => (text.startsWith('ready') ? text : undefined) },
    readyWithinMs,
    stopWithinMs: 500,
    records,
    onUnexpectedEnd: (how) => ended.push(how),
  });

const FOREVER = 'setInterval(() => {}, 1000);';

const identityOf = (pid: number | undefined): Identity => {
  const identity = identify(pid ?? -1);
  if (!identity) throw new Error(`no process ${pid}`);
  return identity;
};

describe('an owned process', () => {
  it('is started when it says so, recorded, and stopped', async () => {
    const owned = own(`console.log('hello'); console.log('ready 7'); ${FOREVER}`);
    expect(await owned.start()).toBe('ready 7');
    const child = identityOf(owned.pid);
    expect(readFileSync(join(directory, 'pids.json'), 'utf8')).toContain(`"pid": ${child.pid},`);
    await owned.stop();
    expect(isAlive(child)).toBe(false);
    expect(owned.pid).toBeUndefined();
    expect(readFileSync(join(directory, 'pids.json'), 'utf8')).not.toContain(
      `"pid": ${child.pid},`,
    );
    expect(ended).toEqual([]);
  });

  it('that does not care for SIGTERM is killed', async () => {
    const owned = own(`process.on('SIGTERM', () => {}); console.log('ready'); ${FOREVER}`);
    await owned.start();
    const child = identityOf(owned.pid);
    await owned.stop();
    expect(isAlive(child)).toBe(false);
  });

  it('can be killed and started again, and only its new words count', async () => {
    const owned = own(`console.log('ready ' + process.pid); ${FOREVER}`);
    const first = await owned.start();
    await owned.kill9();
    const second = await owned.start();
    expect(second).not.toBe(first);
    expect(second).toBe(`ready ${owned.pid}`);
    await owned.stop();
    expect(ended).toEqual([]);
  });

  it('that fails to start is reported with its last words and its log', async () => {
    const owned = own(`console.error('no such flavor'); process.exit(3)`);
    const start = owned.start();
    await expect(start).rejects.toThrow(StartFailed);
    await expect(start).rejects.toThrow(
      /the test process ended \(exit code 3\)[^]*no such flavor[^]*logs\/test\.log/,
    );
  });

  it('that never gets ready is ended', async () => {
    const owned = own(FOREVER, 300);
    const start = owned.start();
    const child = identityOf(owned.pid);
    await expect(start).rejects.toThrow('was not ready after');
    expect(isAlive(child)).toBe(false);
  });

  it('whose program is not there is reported', async () => {
    const missing = new OwnedProcess({
      name: 'the missing one',
      command: ['/no/such/program'],
      directory,
      env: process.env,
      logFile: join(directory, 'missing.log'),
      ready: { line: () => undefined },
      readyWithinMs: 5000,
      stopWithinMs: 500,
      records,
    });
    await expect(missing.start()).rejects.toThrow('/no/such/program');
  });

  it('that ends by itself is told of', async () => {
    const owned = own(`console.log('ready'); setTimeout(() => process.exit(4), 100)`);
    await owned.start();
    await expect.poll(() => ended).toEqual(['exit code 4']);
  });
});

describe('the processes of an owner that was killed', () => {
  const file = (name: string) => JSON.stringify(join(project, 'dev', name));

  /** A process that owns another one, as `hawser dev` does; prints the other one's pid. */
  async function startOwner(): Promise<{ owner: ReturnType<typeof spawn>; child: Identity }> {
    const script = join(directory, 'owner.mts');
    writeFileSync(
      script,
      `import { OwnedProcess } from ${file('owned-process.ts')};
       import { ProcessRecords } from ${file('process-records.ts')};
       const records = new ProcessRecords(${JSON.stringify(join(directory, 'pids.json'))});
       records.takeOver();
       const owned = new OwnedProcess({
         name: 'child', directory: '/', env: process.env, records,
         command: [process.execPath, '-e', "console.log('ready'); setInterval(() => {}, 1000)"],
         logFile: ${JSON.stringify(join(directory, 'child.log'))},
         ready: { line: (text) => text }, readyWithinMs: 10000, stopWithinMs: 1000,
       });
       await owned.start();
       console.log(owned.pid);`,
    );
    const owner = spawn(process.execPath, ['--import', 'tsx', script], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) =>
      owner.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString()))),
    );
    return { owner, child: identityOf(pid) };
  }

  it('die with it', async () => {
    const { owner, child } = await startOwner();
    owner.kill('SIGKILL');
    await expect.poll(() => isAlive(child), { timeout: 5000 }).toBe(false);
  });

  it('are told from those of an owner that lives, whose state is not touched', async () => {
    const { owner, child } = await startOwner();
    expect(() => records.takeOver()).toThrow(StateInUse);
    expect(() => records.takeOver()).toThrow(`process ${owner.pid}`);
    expect(isAlive(child)).toBe(true);
    owner.kill('SIGKILL');
    await expect.poll(() => isAlive(child), { timeout: 5000 }).toBe(false);
    await expect.poll(() => records.takeOver()).toEqual([]);
  });

  it('are handed over when they outlived it, and other processes of the same number are not', () => {
    const survivor = identityOf(process.pid);
    const reused = { pid: process.ppid, startTime: '1' };
    writeFileSync(join(directory, 'pids.json'), JSON.stringify({ children: [survivor, reused] }));
    expect(records.takeOver()).toEqual([survivor]);
  });
});

describe('a fixed port', () => {
  it('that is taken is refused with its number, its use and what to do', async () => {
    const port = await freePort();
    await requirePort(port, 'Temporal', '--temporal-port');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const refused = requirePort(port, 'Temporal', '--temporal-port');
    await expect(refused).rejects.toThrow(PortTaken);
    await expect(refused).rejects.toThrow(
      new RegExp(`Port ${port}, for Temporal, .*--temporal-port PORT`),
    );
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a state directory', () => {
  it('is emptied when asked to, but nothing else ever is', () => {
    const state = join(directory, 'state');
    claimStateDirectory(state);
    emptyStateDirectory(state);
    writeFileSync(join(state, 'temporal.db'), 'old');
    claimStateDirectory(state);
    expect(readFileSync(join(state, 'temporal.db'), 'utf8')).toBe('old');
    claimStateDirectory(state);
    emptyStateDirectory(state);
    expect(() => readFileSync(join(state, 'temporal.db'))).toThrow('ENOENT');

    writeFileSync(join(directory, 'thesis.txt'), 'precious');
    expect(() => claimStateDirectory(directory)).toThrow("files that are not Hawser's");
    expect(readFileSync(join(directory, 'thesis.txt'), 'utf8')).toBe('precious');
  });
});
