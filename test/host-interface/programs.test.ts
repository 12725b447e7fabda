import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createRun } from '../../host-interface/programs.js';
import { project } from '../../setup/tools.mjs';
import { generateHostKey } from '../../ssh/host-key.js';

const execute = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hawser-programs-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a program that is not there names its package, one that fails is quoted', async () => {
  const run = createRun();
  expect(await run('printf', '%s', '$(id) "; rm')).toBe('$(id) "; rm');
  await expect(run('hawser-has-no-such-program')).rejects.toMatchObject({
    name: 'HostInterfaceUnusable',
    message: expect.stringContaining('hawser-has-no-such-program is not on this host'),
  });
  await expect(run('ip', 'link', 'show', 'dev', 'no-such-dev')).rejects.toMatchObject({
    name: 'HostInterfaceNotReady',
    message: expect.stringMatching(/"ip link show dev no-such-dev" failed: .*no-such-dev/),
  });
});

/** A worker that would plug a port, with no right to. */
test.runIf(process.getuid?.() === 0)(
  'a worker that may not change interfaces takes no work, and says what to do',
  async () => {
    const { privateKey, publicKey } = generateHostKey();
    const options = {
      interface_driver: 'bridge',
      service_instance_user: 'manila',
      path_to_private_key: join(folder, 'key'),
      path_to_public_key: join(folder, 'key.pub'),
    };
    await writeFile(options.path_to_private_key, privateKey);
    await writeFile(options.path_to_public_key, publicKey);
    await writeFile(join(folder, 'hawser.yaml'), stringify({ backends: { one: options } }));
    const env = {
      PATH: process.env['PATH'],
      OS_AUTH_URL: 'http://127.0.0.1:1/v3',
      OS_USERNAME: 'u',
      OS_PASSWORD: 'p',
      OS_PROJECT_NAME: 'p',
    };
    const worker = [join(project, 'bin/hawser.js'), 'worker', '--config', 'hawser.yaml'];
    const command = ['--bounding-set=-net_admin', process.execPath, ...worker];
    const started = execute('setpriv', command, { cwd: folder, env });
    await expect(started).rejects.toMatchObject({
      code: expect.any(Number),
      stderr: expect.stringMatching(/backends\.one\.interface_driver: .*CAP_NET_ADMIN/),
    });
  },
);
