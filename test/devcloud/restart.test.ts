import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { call, logIn, pick, until, untilGone } from './test-cloud.js';

const readyLine = z.object({ url: z.string(), cloudsYaml: z.string(), pid: z.number() });

let stateDir: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'devcloud-restart-'));
  await writeFile(join(stateDir, 'image'), 'not a disk');
});

afterEach(async () => {
  if (child?.exitCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await rm(stateDir, { recursive: true, force: true });
});

async function start(...more: string[]) {
  const files = ['--state', join(stateDir, 'cloud'), '--image', join(stateDir, 'image')];
  child = spawn(
    process.execPath,
    ['--import', 'tsx', 'devcloud/main.ts', ...files, '--hosts', 'simulated', ...more],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  if (!child.stdout) throw new Error('No standard output');
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  await once(reader, 'line');
  const ready = readyLine.parse(JSON.parse(lines[0] ?? ''));
  return { ...ready, lines };
}

async function end(signal: NodeJS.Signals): Promise<number | null> {
  if (!child) return null;
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = await exited;
  return code;
}

test('what was under way when it was killed goes on to its end', async () => {
  const slow = ['--latency', 'server.create=800ms,volume.create=800ms,server.delete=800ms'];
  const before = await start('--port', '0', ...slow);
  const { port } = new URL(before.url);
  const demo = await logIn(before.cloudsYaml, 'demo');
  const image = pick(await demo.glance('GET', '/v2/images'), 'images.0.id');
  const network = pick(await demo.neutron('GET', '/networks?name=demo-net'), 'networks.0.id');
  const boot = async (name: string) =>
    pick(
      await demo.nova('POST', '/servers', {
        server: { name, imageRef: image, flavorRef: '1', networks: [{ uuid: network }] },
      }),
      'server.id',
    );
  const show = (id: string) => demo.nova('GET', `/servers/${id}`);
  const doomed = await boot('doomed');
  await until(() => show(doomed), 'server.status', 'ACTIVE');
  const built = await boot('built');
  const volume = pick(await demo.cinder('POST', '/volumes', { volume: { size: 1 } }), 'volume.id');
  await demo.nova('DELETE', `/servers/${doomed}`);
  await end('SIGKILL');

  await start('--port', port);
  // The token is still good, and the same addresses answer.
  expect(pick(await show(built), 'server.status')).toBe('BUILD');
  await until(() => show(built), 'server.status', 'ACTIVE');
  await until(() => demo.cinder('GET', `/volumes/${volume}`), 'volume.status', 'available');
  await untilGone(() => show(doomed));
});

test('nothing that was answered for is lost by a kill', async () => {
  const before = await start('--port', '0');
  const { port } = new URL(before.url);
  const admin = await logIn(before.cloudsYaml, 'admin');
  const answered: string[] = [];
  const create = async () => {
    for (;;) {
      const made = await admin.neutron('POST', '/networks', { network: {} });
      answered.push(pick(made, 'network.id'));
    }
  };
  const creating = Promise.allSettled([create(), create(), create()]);
  await sleep(150);
  await end('SIGKILL');
  await creating;
  expect(answered.length).toBeGreaterThan(3);

  await start('--port', port);
  const listed = (await admin.neutron('GET', '/networks')).text;
  for (const id of answered) expect(listed).toContain(id);
});

test('asked to end, it ends with 0 and takes its machines along; started again, they run', async () => {
  const before = await start('--port', '0');
  const { port } = new URL(before.url);
  const demo = await logIn(before.cloudsYaml, 'demo');
  const image = pick(await demo.glance('GET', '/v2/images'), 'images.0.id');
  const made = await demo.nova('POST', '/servers', {
    server: { name: 'box', imageRef: image, flavorRef: '1', networks: 'none' },
  });
  const id = pick(made, 'server.id');
  await until(() => demo.nova('GET', `/servers/${id}`), 'server.status', 'ACTIVE');
  const readConsole = () =>
    demo.nova('POST', `/servers/${id}/action`, { 'os-getConsoleOutput': {} });
  expect((await readConsole()).status).toBe(200);
  expect(await end('SIGTERM')).toBe(0);
  expect(before.lines).toHaveLength(1);

  await start('--port', port);
  expect(pick(await demo.nova('GET', `/servers/${id}`), 'server.status')).toBe('ACTIVE');
  expect(pick(await readConsole(), 'output')).not.toBe('');
});

test('it ends when its parent is gone, if told so', async () => {
  await start('--port', '0', '--exit-with-parent');
  if (!child) throw new Error('No child');
  const exited = once(child, 'exit');
  child.stdin?.end();
  expect((await exited)[0]).toBe(0);
});

test('its control is on loopback only, and needs no token', async () => {
  const { url } = await start('--port', '0');
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const quotas = await call('GET', `${url}/devcloud/quotas`);
  expect(quotas.body).toMatchObject({ demo: { compute: { instances: 10 } } });
});

test('two processes do not work on the same state', async () => {
  await start('--port', '0');
  const first = child;
  const files = ['--state', join(stateDir, 'cloud'), '--hosts', 'simulated', '--port', '0'];
  const second = spawn(process.execPath, ['--import', 'tsx', 'devcloud/main.ts', ...files]);
  const [complaint] = await Promise.all([text(second.stderr), once(second, 'exit')]);
  expect(second.exitCode).toBe(1);
  expect(complaint).toContain(`is in use by process ${first?.pid}`);
  expect(first?.exitCode).toBeNull();
});

test('a port that is taken is said, and nothing is started', async () => {
  const { url } = await start('--port', '0');
  const files = ['--state', join(stateDir, 'other'), '--port', new URL(url).port];
  const second = spawn(process.execPath, ['--import', 'tsx', 'devcloud/main.ts', ...files]);
  const [complaint] = await Promise.all([text(second.stderr), once(second, 'exit')]);
  expect(second.exitCode).toBe(1);
  expect(complaint).toContain('EADDRINUSE');
});
