/** What a script gets as $0, $1…, by the very command that a host's shell parses. */
import { spawn } from 'node:child_process';
import { buffer, text } from 'node:stream/consumers';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostEnvironment } from '../../devcloud/hosts/simulated/stand-ins.js';
import { REMOTE_COMMAND, encodeCommand, type Command } from '../../ssh/command.js';
import { InvalidCommand } from '../../ssh/errors.js';
import { hostileText } from './inputs.js';
import { holds, holdsInBatches, patience } from './properties.js';

const echo = `printf '%s\\0' "$0" "$@"`;

/** For its `sudo`; all the rest is this machine's. */
const env = hostEnvironment({ root: '/nonexistent', tools: process.env['PATH'] ?? '' });

async function echoed(command: Command): Promise<string[]> {
  const shell = spawn('/bin/bash', ['--norc', '-c', REMOTE_COMMAND], { env });
  const [out, error] = [buffer(shell.stdout), text(shell.stderr)];
  shell.stdin.end(encodeCommand(command));
  const written = (await out).toString('utf8');
  expect(await error).toBe('');
  return written.split('\0').slice(0, -1);
}

const sendable = (one: string): boolean =>
  !one.includes('\0') && Buffer.from(one).toString() === one;

describe('a command', { timeout: patience }, () => {
  test('reaches its script as it was, whatever its name and arguments are', async () => {
    await holdsInBatches(
      'arguments of scripts',
      hostileText.filter(sendable),
      async ([name = '', ...args]) => {
        const command = { name, script: echo, args, timeoutMs: 60_000 };
        expect(await echoed(command)).toEqual([name, ...args]);
      },
    );
  });

  test('that could not is refused before anything is sent', async () => {
    const parts = fc.record({
      name: hostileText,
      args: fc.array(hostileText, { maxLength: 4 }),
      timeoutMs: fc.double(),
    });
    await holds('commands', parts, (more) => {
      const fine =
        [more.name, ...more.args].every(sendable) &&
        more.timeoutMs >= 1 &&
        more.timeoutMs <= 2_000_000_000;
      let fields: string[] | undefined;
      try {
        fields = encodeCommand({ script: echo, ...more })
          .toString('utf8')
          .split('\0')
          .slice(0, -1);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidCommand);
      }
      expect(fields !== undefined).toBe(fine);
      if (fields === undefined) return;
      expect(fields.slice(1)).toEqual([echo, more.name, ...more.args]);
      // `timeout` takes an exponent for something else.
      expect(fields[0]).toMatch(/^\d+\.\d{3}$/);
    });
  });
});
