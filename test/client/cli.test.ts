import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { project } from '../../setup/tools.mjs';
import { simulatedEnvironment } from '../support/simulated-environment.js';

const network = 'demo-net/demo-subnet';
const story = simulatedEnvironment('cli');

const hawser = (...args: string[]) => story.environment.hawser(args);

const create = (id: string, ...more: string[]) =>
  hawser('share', 'create', '--id', id, '--size', '1', '--share-network', network, ...more);

/** Runs a command with -o json, which must succeed and print one document and nothing else. */
async function json(...args: string[]): Promise<unknown> {
  const said = await hawser(...args, '-o', 'json');
  expect(said.code, said.stdout + said.stderr).toBe(0);
  return JSON.parse(said.stdout);
}

/** The `error` that a failing command prints as JSON. */
async function failure(...args: string[]): Promise<unknown> {
  const said = await hawser(...args, '-o', 'json');
  expect(said.code, said.stdout).toBe(1);
  return JSON.parse(said.stdout);
}

describe('a share on the command line', () => {
  it('is created, and how to mount it and whom to let in is said', async () => {
    const said = await create('first', '--protocol', 'nfs');
    expect(said.code, said.stderr).toBe(0);
    const path = /(\S+:\/shares\/\S+)/.exec(said.stdout)?.[1];
    expect(said.stdout).toContain(`mount -t nfs4 -o vers=4.1 ${path} /mnt`);
    expect(said.stdout).toContain('hawser access allow first --to ADDRESS --level rw');
    // Which steps are seen depends on when the command looks; some are over sooner than that.
    expect(said.stderr).toMatch(/^Creating share first, [\d.]+ s: (?!done)\w.*$/m);
    expect(said.stderr).toMatch(/^Creating share first, [\d.]+ s: done$/m);
  });

  it('has the documented keys in JSON, and is the same when asked for again', async () => {
    const share = await json('share', 'show', 'first');
    expect(Object.keys(share as object)).toEqual(
      'id name status protocol sizeGib shareNetwork serviceInstance volumeId volumeSizeGib exportLocations accessBy accessRules snapshots error backend createdAt'.split(
        ' ',
      ),
    );
    expect(share).toMatchObject({
      id: 'first',
      name: '',
      status: 'available',
      protocol: 'NFS',
      sizeGib: 1,
      shareNetwork: network,
      exportLocations: [{ path: expect.stringContaining(':/shares/'), adminOnly: false }],
      accessRules: [],
      error: null,
    });
    const again = await create('first', '--protocol', 'NFS', '-o', 'json');
    expect(JSON.parse(again.stdout)).toEqual(share);
  });

  it('keeps its id from a share with other parameters', async () => {
    const args = ['share', 'create', '--id', 'first', '--protocol', 'NFS', '--size', '9'];
    expect(await failure(...args, '--share-network', network)).toMatchObject({
      error: { type: 'ShareExists', message: expect.stringContaining('sizeGib 1') },
    });
  });

  it('need not be waited for, and can be watched instead', async () => {
    const asked = await create('patient', '--protocol', 'CIFS', '--no-wait', '-o', 'json');
    expect(JSON.parse(asked.stdout)).toMatchObject({ id: 'patient', status: 'creating' });
    expect(await json('share', 'watch', 'patient')).toMatchObject({ status: 'available' });
    const shown = await hawser('share', 'show', 'patient');
    expect(shown.stdout).toMatch(/mount -t cifs \/\/[\d.]+\/\S+ \/mnt -o guest,vers=3\.1\.1/);
  });

  it('is listed with the others, by what it is', async () => {
    const ids = async (...filter: string[]) => {
      const shares = (await json('share', 'list', ...filter)) as { id: string }[];
      return shares.map(({ id }) => id);
    };
    await expect.poll(() => ids('--status', 'available')).toEqual(['first', 'patient']);
    expect(await ids('--protocol', 'cifs')).toEqual(['patient']);
    expect(await ids('--backend', 'other')).toEqual([]);
    const table = await hawser('share', 'list');
    expect(table.stdout.split('\n')[0]).toMatch(/^ID +STATUS +PROTOCOL +SIZE +NETWORK/);
    expect(table.stdout).toMatch(/^first +available +NFS +1 GiB +demo-net\/demo-subnet/m);
  });

  it('that cannot be made fails with its reason, and leaves by delete', async () => {
    const args = ['share', 'create', '--id', 'lost', '--protocol', 'NFS', '--size', '1'];
    expect(await failure(...args, '--share-network', 'no-such-net')).toMatchObject({
      error: { type: 'NetworkNotFound', message: expect.stringContaining('no-such-net') },
    });
    expect(await json('share', 'show', 'lost')).toMatchObject({
      status: 'error',
      error: { type: 'NetworkNotFound' },
    });
    expect(await json('share', 'delete', 'lost')).toMatchObject({ id: 'lost', status: 'deleted' });
    expect(await failure('share', 'show', 'lost')).toMatchObject({
      error: { type: 'ShareNotFound' },
    });
  });
});

describe('access on the command line', () => {
  it('is allowed, listed and denied', async () => {
    const allow = ['access', 'allow', 'first', '--to', '10.20.0.0/24', '--level', 'ro'];
    const rule = { id: 'lan', type: 'ip', to: '10.20.0.0/24', level: 'ro', state: 'active' };
    expect(await json(...allow, '--id', 'lan')).toEqual(rule);
    expect(await json('access', 'list', 'first')).toEqual([rule]);
    expect(await failure(...allow)).toMatchObject({ error: { type: 'RuleExists' } });
    expect(await failure('access', 'deny', 'first', '10.9.9.9')).toMatchObject({
      error: { type: 'RuleNotFound' },
    });
    const changed = { ...rule, level: 'rw' };
    expect(await json('access', 'change', 'first', 'lan', '--level', 'rw')).toEqual(changed);
    expect(await json('access', 'change', 'first', 'lan', '--level', 'rw')).toEqual(changed);
    expect(await json('access', 'list', 'first')).toEqual([changed]);
    expect(await json('access', 'deny', 'first', '10.20.0.0/24')).toMatchObject({ id: 'lan' });
    expect(await json('access', 'list', 'first')).toEqual([]);
  });

  it('that a protocol cannot give is wrong use', async () => {
    const allow = ['access', 'allow', 'patient', '--to', '10.20.0.9', '--level', 'ro'];
    const said = await hawser(...allow);
    expect(said).toMatchObject({ code: 2, stdout: '' });
    expect(said.stderr).toContain('a CIFS share gives addresses rw access only');
    for (const share of ['first', 'patient']) {
      const byUser = await hawser('access', 'allow', share, '--user', 'alice', '--level', 'rw');
      expect(byUser).toMatchObject({ code: 2, stdout: '' });
      expect(byUser.stderr).toMatch(/name addresses.*not users/);
    }
    const both = ['--to', '10.0.0.1', '--user', 'alice', '--level', 'rw'];
    expect(await hawser('access', 'allow', 'first', ...both)).toMatchObject({ code: 2 });
  });
});

describe('a size on the command line', () => {
  it('is changed, step by step, and the share says so', async () => {
    const said = await hawser('share', 'extend', 'first', '--size', '3');
    expect(said.code, said.stderr).toBe(0);
    expect(said.stderr).toContain('Extending share first to 3 GiB');
    expect(said.stderr).toMatch(/^Extending share first to 3 GiB, \S+ s: (?!done)\w.*$/m);
    expect(said.stdout).toMatch(/^Size +3 GiB$/m);
    expect(await json('share', 'shrink', 'first', '--size', '1')).toMatchObject({
      status: 'available',
      sizeGib: 1,
      volumeSizeGib: 3,
    });
    const shown = await hawser('share', 'show', 'first');
    expect(shown.stdout).toMatch(/^Size +1 GiB \(on a volume of 3 GiB\)$/m);
    expect(await json('share', 'list', '--status', 'extending')).toEqual([]);
  });

  it('that is none, or the wrong way, is refused', async () => {
    for (const [args, reason] of [
      [['extend', 'first', '--size', '1'], 'it has 1 GiB already'],
      [['shrink', 'first', '--size', '2'], 'extend it to make it larger'],
      [['extend', 'first', '--size', '0'], 'a size of 0 leaves no room'],
    ] as const) {
      const said = await hawser('share', ...args);
      expect(said).toMatchObject({ code: 2, stdout: '' });
      expect(said.stderr).toContain(reason);
    }
  });
});

describe('a service instance on the command line', () => {
  it('is listed, shown with its shares, and not deleted under them', async () => {
    await expect.poll(() => json('instance', 'list')).toHaveLength(1);
    const [instance] = (await json('instance', 'list')) as { id: string }[];
    const id = instance?.id ?? '';
    expect(await json('instance', 'show', id)).toMatchObject({
      id,
      status: 'active',
      shares: ['first', 'patient'],
    });
    expect(await failure('instance', 'delete', id)).toMatchObject({
      error: { type: 'InstanceInUse', message: expect.stringContaining('first, patient') },
    });
    const shown = await hawser('instance', 'show', id);
    expect(shown.stdout).toMatch(/^Shares +first\n +patient$/m);
  });
});

describe('a wait on the command line', () => {
  const bin = join(project, 'bin/hawser.js');
  const args = ['share', 'create', '--protocol', 'NFS', '--size', '1', '--share-network', network];

  it('that is interrupted says that the work goes on, and it does', async () => {
    await story.environment.worker.kill9();
    const command = spawn(process.execPath, [bin, ...args, '--id', 'left'], {
      env: story.environment.env,
    });
    let stderr = '';
    command.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await expect.poll(() => stderr, { timeout: 20_000 }).toContain('waiting for a worker');
    command.kill('SIGINT');
    const code = await new Promise((resolve) => command.once('exit', resolve));
    expect(code).toBe(130);
    expect(stderr).toContain('goes on without this command');
    expect(stderr).toContain('hawser share watch left');
    await story.environment.worker.start();
    expect(await story.client.waitForShare('left')).toMatchObject({ status: 'available' });
  });

  it('shows one live line on a terminal, and leaves only what was done', async () => {
    const command = [process.execPath, bin, ...args, '--id', 'live'].join(' ');
    const line = `stty cols 80 rows 24; ${command}`;
    const script = spawn('script', ['-qec', line, '/dev/null'], { env: story.environment.env });
    let screen = '';
    script.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString()));
    expect(await new Promise((resolve) => script.once('exit', resolve))).toBe(0);
    const frames = screen.match(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏].{0,9}Creating share live/g) ?? [];
    expect(frames.length).toBeGreaterThan(3);
    expect(screen).toMatch(/Creating share live.*\d s\S* {2}\w+ \w/);
    expect(screen).toMatch(/✓.* Creating share live/);
    expect(screen).toMatch(/Status +available/);
  });
});
