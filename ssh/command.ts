import { InvalidCommand } from './errors.js';

export interface Command {
  /** For people: in errors, and as the script's own `$0`. */
  name: string;
  /** Bash, run as root with `-euo pipefail`. Its standard input is empty. */
  script: string;
  /** The script's `$1`, `$2`… */
  args?: string[];
  /** How long the host lets it run; then TERM, and KILL 5 s later. */
  timeoutMs: number;
}

/**
 * The only text that a host's shell ever parses. Everything else comes over standard input as fields that
 * end with NUL: time limit in seconds, script, name, arguments.
 *
 * `--norc`: bash takes a socket as standard input for a remote shell's and would run root's .bashrc, which
 * could read the fields, or fail under `-u`.
 */
export const REMOTE_COMMAND =
  `sudo -n /bin/bash --norc -c 'mapfile -d "" -t f && exec timeout --kill-after=5 "\${f[0]}" ` +
  `/bin/bash --norc -euo pipefail -c "\${f[1]}" "\${f[2]}" "\${f[@]:3}"'`;

/** Node's timers know no longer time, and fire at once instead. */
const MAX_TIMEOUT_MS = 2_000_000_000;
/** Linux takes no longer single argument (MAX_ARG_STRLEN), its NUL included. */
const MAX_FIELD_BYTES = 128 * 1024 - 1;
/** A quarter of the usual stack limit, where Linux wants all arguments and variables to fit. */
const MAX_TOTAL_BYTES = 1024 * 1024;

/** @throws InvalidCommand if something cannot reach the script as it is */
export function encodeCommand({ name, script, args = [], timeoutMs }: Command): Buffer {
  if (!(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS)) {
    // `timeout 0` would mean no limit at all.
    throw new InvalidCommand(`${name}: a time limit of ${timeoutMs} ms makes no sense`);
  }
  const fields = [(timeoutMs / 1000).toFixed(3), script, name, ...args];
  const encoded = Buffer.concat(fields.map((field, index) => encodeField(name, field, index - 2)));
  if (encoded.length > MAX_TOTAL_BYTES) {
    throw new InvalidCommand(`${name}: its arguments are longer than ${MAX_TOTAL_BYTES} bytes`);
  }
  return encoded;
}

function encodeField(name: string, field: string, position: number): Buffer {
  const what = position > 0 ? `argument ${position}` : 'its script or name';
  const bytes = Buffer.from(`${field}\0`, 'utf8');
  if (field.includes('\0')) throw new InvalidCommand(`${name}: ${what} contains a NUL character`);
  if (bytes.length > MAX_FIELD_BYTES) {
    throw new InvalidCommand(`${name}: ${what} is longer than ${MAX_FIELD_BYTES} bytes`);
  }
  // Half of a surrogate pair has no bytes of its own: another text would arrive.
  if (bytes.toString('utf8') !== `${field}\0`) {
    throw new InvalidCommand(`${name}: ${what} is not well-formed Unicode`);
  }
  return bytes;
}
