import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import { temporalPath } from '../../setup/tools.mjs';
import { searchAttributes } from '../../workflows/search-attributes.js';

declare module 'vitest' {
  interface ProvidedContext {
    temporalAddress: string;
    workflowCode: string;
  }
}

/** One real Temporal server and one bundle of the workflows for all test files. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const quiet = { info() {}, warn() {}, error() {}, debug() {}, trace() {}, log() {} };
  const [environment, bundle] = await Promise.all([
    TestWorkflowEnvironment.createLocal({
      server: {
        executable: { type: 'existing-path', path: temporalPath() },
        searchAttributes: Object.values(searchAttributes),
        extraArgs: fastHistory,
      },
    }),
    bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
      logger: quiet,
    }),
  ]);
  provide('temporalAddress', environment.address);
  provide('workflowCode', bundle.code);
  return () => environment.teardown();
}

/** The development server adds 50 ms to each task and a second to timers unless it is told not to. */
const fastHistory = [
  'history.transferProcessorMaxPollRPS=1000',
  'history.timerProcessorMaxPollRPS=1000',
  'history.visibilityProcessorMaxPollRPS=1000',
  'history.timerProcessorMaxTimeShift="20ms"',
].flatMap((value) => ['--dynamic-config-value', value]);
