import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { loadWorkflowBundle } from '../../worker/workflow-bundle.js';

// Each bundling computes for some seconds, and other tests compute beside it.
vi.setConfig({ testTimeout: 240_000 });

let folder: string;
beforeAll(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'hawser-bundle-')), 'cache');
});
afterAll(() => rm(join(folder, '..'), { recursive: true, force: true }));

const codeOf = async (where = folder) => {
  const bundle = await loadWorkflowBundle(where);
  return 'code' in bundle ? bundle.code : '';
};

test('the workflows are bundled once, and taken from what was kept as long as only we may write it', async () => {
  const made = await codeOf();
  expect(made).toContain('setUpServiceInstance');
  const [name = ''] = await readdir(folder);
  expect(await readdir(folder)).toHaveLength(1);
  const file = join(folder, name);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);

  await writeFile(file, 'kept');
  expect(await codeOf()).toBe('kept');

  await chmod(file, 0o620);
  expect(await codeOf()).toContain('setUpServiceInstance');
});

test('a worker that can keep nothing bundles at each start', async () => {
  expect(await codeOf(join(import.meta.filename, 'below a file'))).toContain(
    'setUpServiceInstance',
  );
});
