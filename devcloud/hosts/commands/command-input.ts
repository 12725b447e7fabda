import type { Readable, Writable } from 'node:stream';

const fieldsBeforeArguments = 3;
/** What begins otherwise is no script with its fields. */
const limitInSeconds = /^\d+(\.\d+)?$/;

/**
 * Passes a command's input on. One that consists of fields that end with NUL, time limit, script, name, arguments, is
 * kept back until `named` is done with the name; false takes it away for good.
 */
export function readInput(
  input: Readable,
  command: Writable,
  named: (name: string) => Promise<boolean>,
): void {
  let kept = Buffer.alloc(0);
  const passOn = () => {
    input.off('data', keep);
    command.write(kept);
    if (input.readableEnded) command.end();
    else input.pipe(command);
  };
  const ask = async (name: string) => {
    const wanted = await named(name);
    input.off('data', keepMore);
    // Nobody may be left to want it done.
    if (wanted && !input.destroyed) passOn();
    else command.destroy();
  };
  const keep = (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]);
    const name = nameIn(kept);
    if (name === undefined) return;
    input.off('data', keep).off('end', passOn);
    if (name === null) return passOn();
    input.on('data', keepMore);
    void ask(name);
  };
  const keepMore = (chunk: Buffer) => void (kept = Buffer.concat([kept, chunk]));
  input.on('data', keep).once('end', passOn);
  // A command need not read its input.
  command.on('error', () => input.unpipe(command));
}

/** Undefined while it may still come, null where none will. */
function nameIn(input: Buffer): string | null | undefined {
  const [limit = '', ...rest] = input.toString('latin1').split('\0', fieldsBeforeArguments + 1);
  if (rest.length === 0) return limitInSeconds.test(limit) ? undefined : null;
  if (!limitInSeconds.test(limit)) return null;
  return rest.length < fieldsBeforeArguments ? undefined : rest[1];
}
