import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OwnedProcess } from '../../dev/owned-process.js';
import { freePort } from '../../dev/ports.js';
import { ProcessRecords } from '../../dev/process-records.js';
import { temporalAnswers, temporalCommand } from '../../dev/temporal.js';
import { temporalPath } from '../../setup/tools.mjs';

export interface TemporalServer {
  address: string;
  stop(): Promise<void>;
}

/** A real Temporal dev server with nothing in it and no worker. */
export async function startTemporal(): Promise<TemporalServer> {
  const directory = mkdtempSync(join(tmpdir(), 'hawser-temporal-'));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const server = new OwnedProcess({
    name: 'Temporal',
    command: temporalCommand({
      program: temporalPath(),
      port,
      webUiPort: await freePort(),
      databaseFile: undefined,
    }),
    directory,
    env: process.env,
    logFile: join(directory, 'temporal.log'),
    ready: { probe: () => temporalAnswers(address) },
    readyWithinMs: 60_000,
    stopWithinMs: 10_000,
    records: new ProcessRecords(join(directory, 'pids.json')),
  });
  await server.start();
  return {
    address,
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true });
    },
  };
}
