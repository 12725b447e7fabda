import { Connection } from '@temporalio/client';
import { searchAttributes } from '../workflows/search-attributes.js';

export interface TemporalOptions {
  program: string;
  port: number;
  webUiPort: number;
  /** Where its state lives; undefined for memory only. */
  databaseFile: string | undefined;
}

/** The dev server's own pauses (50 ms a task, 1 s a timer) would be most of what a share waits for. */
const promptly = {
  'history.transferProcessorMaxPollRPS': 1000,
  'history.timerProcessorMaxPollRPS': 1000,
  'history.visibilityProcessorMaxPollRPS': 1000,
  'history.timerProcessorMaxTimeShift': '"20ms"',
  // It would read them from the database two or three times a request, in case that somebody just added one; ours are there from
  // the beginning.
  'system.forceSearchAttributesCacheRefreshOnRead': false,
};

/** Written to disk at checkpoints instead of several times a transaction; what the server has said outlives its own death. */
const quickly = ['journal_mode=wal', 'synchronous=normal'];

export function temporalCommand({ program, port, webUiPort, databaseFile }: TemporalOptions) {
  const flags = {
    '--ip': '127.0.0.1',
    '--port': String(port),
    '--ui-port': String(webUiPort),
    '--log-level': 'warn',
    '--log-format': 'json',
    ...(databaseFile ? { '--db-filename': databaseFile } : {}),
  };
  return [
    program,
    'server',
    'start-dev',
    ...Object.entries(flags).flat(),
    ...Object.entries(promptly).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${value}`,
    ]),
    ...(databaseFile ? quickly.flatMap((pragma) => ['--sqlite-pragma', pragma]) : []),
    ...Object.values(searchAttributes).flatMap(({ name, type }) => [
      '--search-attribute',
      `${name}=${type === 'INT' ? 'Int' : 'Keyword'}`,
    ]),
  ];
}

/** The address, once the namespace answers there. */
export async function temporalAnswers(address: string): Promise<string | undefined> {
  const connection = Connection.lazy({ address, interceptors: [] });
  try {
    await connection.withDeadline(Date.now() + 1000, () =>
      connection.workflowService.describeNamespace({ namespace: 'default' }),
    );
    return address;
  } catch {
    return undefined;
  } finally {
    await connection.close();
  }
}
