import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { project } from '../../setup/tools.mjs';
import { hawser } from './command-line.js';

const directory = mkdtempSync(join(tmpdir(), 'hawser-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

const good = {
  service_instance_user: 'manila',
  path_to_private_key: '/keys/id',
  path_to_public_key: '/keys/id.pub',
};

function write(config: object): string {
  const file = join(directory, 'hawser.yaml');
  writeFileSync(file, stringify(config));
  return file;
}

test('a check that finds nothing says which backends there are', async () => {
  const file = write({ defaults: good, backends: { one: {}, two: {} } });
  const said = await hawser(['config', 'check', '--config', file]);
  expect(said).toMatchObject({ code: 0, stdout: `${file} is fine. Backends: one, two.\n` });
});

test('a check names every mistake and every option without effect, for people and for programs', async () => {
  const file = write({
    defaults: { ...good, num_shell_tries: 3 },
    backends: { one: { share_volume_fstype: 'xfs', colour: 'red' } },
  });
  const said = await hawser(['config', 'check', '--config', file]);
  expect(said.code).toBe(1);
  expect(said.stdout).toMatch(/^ {2}backends\.one\.share_volume_fstype: .*"ext4"/m);
  expect(said.stdout).toMatch(/^ {2}backends\.one\.colour: no such option$/m);
  expect(said.stdout).toMatch(/^note: defaults\.num_shell_tries has no effect: /m);
  const json = await hawser(['config', 'check', '--config', file, '-o', 'json']);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    file,
    ok: false,
    problems: [expect.stringContaining('share_volume_fstype'), expect.stringContaining('colour')],
    notes: [expect.stringContaining('num_shell_tries')],
  });
});

test('a file that cannot be read is a failure', async () => {
  const said = await hawser(['config', 'check', '--config', join(directory, 'nothing.yaml')]);
  expect(said.code).toBe(1);
  expect(said.stderr).toMatch(/nothing\.yaml is not usable:\n.*can't be read/);
});

test('every option is shown with its value and where that comes from', async () => {
  const file = write({
    defaults: { ...good, service_network_division_mask: 27 },
    backends: { one: { volume_name_template: 'one-%s' }, two: {} },
  });
  const effective = ['config', 'show', '--config', file, '--effective', '--backend', 'one'];
  const { code, stdout } = await hawser([...effective, '-o', 'json']);
  expect(code).toBe(0);
  const options = JSON.parse(stdout) as { name: string; value: unknown; from: string }[];
  const shown = (name: string) => options.find((option) => option.name === name);
  expect(shown('volume_name_template')).toMatchObject({ value: 'one-%s', from: 'backend' });
  expect(shown('service_network_division_mask')).toMatchObject({ value: 27, from: 'defaults' });
  expect(shown('share_volume_fstype')).toMatchObject({ value: 'ext4', from: 'built in' });
  expect(options.every((option) => 'backend' in option && option.backend === 'one')).toBe(true);
  const table = await hawser(effective);
  expect(table.stdout).toMatch(/^one +volume_name_template +one-%s +backend$/m);
  expect(table.stdout).toMatch(/^one +share_volume_fstype +ext4 +built in$/m);
  const set = await hawser(['config', 'show', '--config', file, '-o', 'json']);
  expect(JSON.parse(set.stdout)).toHaveLength(2 * 4 + 1);
});

test('a backend that is not there is wrong use', async () => {
  const file = write({ defaults: good, backends: { one: {} } });
  const said = await hawser(['config', 'show', '--config', file, '--backend', 'two']);
  expect(said.code).toBe(2);
  expect(said.stderr).toContain('has no backend two; there are: one');
});

test('a manila.conf becomes a configuration, with what is left to do on standard error', async () => {
  const file = join(project, 'test/worker/manila/manila.conf');
  const said = await hawser(['config', 'import', file, '--backend', 'generic1']);
  expect(said.code, said.stderr).toBe(0);
  expect(said.stderr).toMatch(/^note: credentials are not taken over/m);
  const made = join(directory, 'imported.yaml');
  writeFileSync(made, said.stdout);
  const check = await hawser(['config', 'check', '--config', made]);
  expect(check.stdout).toMatch(/imported\.yaml is fine\. Backends: generic1\./);
});
