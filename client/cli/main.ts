import { CommanderError } from 'commander';
import pc from 'picocolors';
import { HawserError, InvalidInput } from '../errors.js';
import { buildProgram } from './program.js';
import { printable, printableJson } from './tables.js';
import { StoppedWatching } from './session.js';

const exitCodes = { done: 0, failed: 1, wrongUse: 2, interrupted: 130 };

// `hawser share list | head -1`: the reader has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(exitCodes.done);
});
process.exitCode = await main(process.argv.slice(2));
// What nobody waits for any more, a request without an answer, would keep the process.
if (process.exitCode === exitCodes.interrupted) process.stdout.write('', () => process.exit());

async function main(argv: string[]): Promise<number> {
  const json = wantsJson(argv);
  try {
    await buildProgram({ quiet: json }).parseAsync(argv, { from: 'user' });
    // A command that did its work may still have found what should not be.
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done;
    return fail(error, json);
  }
}

/** Asked of the words themselves: a mistake in them must be answered in JSON too. */
function wantsJson(argv: string[]): boolean {
  return /(^|\s)(-o ?|-o=|--output[ =])json(\s|$)/.test(argv.join(' '));
}

function fail(error: unknown, json: boolean): number {
  const { type, message } = explain(error);
  if (json) {
    process.stdout.write(`${printableJson({ error: { type, message } })}\n`);
  } else if (error instanceof StoppedWatching) {
    process.stderr.write(`${printable(message)}\n`);
  } else if (!(error instanceof CommanderError)) {
    process.stderr.write(`${pc.red('error:')} ${printable(message)}\n`);
  }
  if (error instanceof CommanderError || error instanceof InvalidInput) return exitCodes.wrongUse;
  return error instanceof StoppedWatching ? exitCodes.interrupted : exitCodes.failed;
}

function explain(error: unknown): { type: string; message: string } {
  if (error instanceof HawserError) return { type: error.type, message: error.message };
  if (error instanceof CommanderError) {
    return { type: 'WrongUse', message: error.message.replace(/^error: /, '') };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { type: 'Failed', message };
}
