import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { project } from '../setup/tools.mjs';

/** What a worker runs of, and a copy may differ in; all else is as it is. */
const copied = [
  'activities',
  'bin',
  'client',
  'host-interface',
  'openstack',
  'ssh',
  'worker',
  'workflows',
];

export interface Change {
  file: string;
  find: string;
  replace: string;
}

/** A checkout in `directory`, which is made, whose workers differ in one text. */
export async function buildWith(
  { file, find, replace }: Change,
  directory: string,
  from = project,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(from)) {
    const [source, target] = [join(from, name), join(directory, name)];
    await (copied.includes(name)
      ? cp(source, target, { recursive: true })
      : symlink(source, target));
  }
  const changed = join(directory, file);
  const text = await readFile(changed, 'utf8');
  if (!text.includes(find)) throw new Error(`${file} has no such text: ${find}`);
  await writeFile(
    changed,
    text.replace(find, () => replace),
  );
}

/** Its workflows take another way from now on, and the old one where they began with it. */
export const newerBuild: Change = {
  file: 'workflows/step.ts',
  find: "import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';\n",
  replace: `import { patched, setCurrentDetails as say, workflowInfo } from '@temporalio/workflow';
const setCurrentDetails = (text: string) => say(patched('a-newer-build') ? text + ' (newer)' : text);
`,
};
