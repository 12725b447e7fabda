import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import * as workflows from '../../workflows/index.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

const directory = fileURLToPath(new URL('../histories', import.meta.url));
const files = readdirSync(directory).filter((name) => name.endsWith('.json'));
const workflowBundle = { code: inject('workflowCode') };

interface History {
  events: { workflowExecutionStartedEventAttributes?: { workflowId?: string } }[];
}

const load = (file: string): History =>
  JSON.parse(readFileSync(`${directory}/${file}`, 'utf8')) as History;

/** Ids of child workflows may be made of it. */
const workflowIdOf = ({ events }: History): string =>
  events[0]?.workflowExecutionStartedEventAttributes?.workflowId ?? 'unknown';

test('a history of every workflow is recorded', () => {
  const recorded = new Set(files.map((file) => file.split('-')[0]));
  expect(recorded).toEqual(new Set(Object.keys(workflows)));
});

test.each(files)('%s replays as it was recorded', async (file) => {
  const history = load(file);
  const workflowId = workflowIdOf(history);
  await Worker.runReplayHistory({ workflowBundle }, historyFromJSON(history), workflowId);
});

test('a history that the code would not have made is refused', async () => {
  const file = files.find((name) => name.startsWith('deleteServiceInstance-'));
  const text = readFileSync(`${directory}/${file}`, 'utf8');
  const other = JSON.parse(text.replaceAll('"deleteServer"', '"deleteSomething"')) as object;
  await expect(
    Worker.runReplayHistory({ workflowBundle }, historyFromJSON(other), 'edited'),
  ).rejects.toThrow(/TMPRL1100|Nondeterminism/);
});
