/** What can go wrong between us and a host. Standard output and error are kept to their last 64 KiB. */

const KEPT_CHARACTERS = 64 * 1024;
const SHOWN_LINES = 5;
const SHOWN_CHARACTERS = 1000;

/** The command ran and ended with something else than 0. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly address: string;
  readonly command: string;
  readonly exitCode: number | undefined;
  /** `SIGKILL`…, if a signal ended it. */
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;

  constructor(failure: {
    address: string;
    command: string;
    code: number | null | undefined;
    signal?: string | undefined;
    stdout: string;
    stderr: string;
  }) {
    const { address, command, code, signal } = failure;
    const how = signal === undefined ? `failed with exit code ${code}` : `died of ${signal}`;
    super(`${command} on ${address} ${how}: ${lastLines(failure.stderr)}`);
    this.address = address;
    this.command = command;
    this.exitCode = code ?? undefined;
    this.signal = signal;
    this.stdout = failure.stdout.slice(-KEPT_CHARACTERS);
    this.stderr = failure.stderr.slice(-KEPT_CHARACTERS);
  }
}

/** The command took too long. What it had done by then stays done. */
export class CommandTimedOut extends Error {
  override readonly name = 'CommandTimedOut';
  readonly address: string;
  readonly command: string;
  readonly timeoutMs: number;
  /** True if the host said so and killed it; false if the host said nothing at all. */
  readonly answered: boolean;

  constructor(failure: { address: string; command: string; timeoutMs: number; answered: boolean }) {
    const { address, command, timeoutMs, answered } = failure;
    const then = answered ? 'was killed' : 'the host does not answer';
    super(`${command} on ${address} did not end within ${timeoutMs / 1000} s; ${then}`);
    this.address = address;
    this.command = command;
    this.timeoutMs = timeoutMs;
    this.answered = answered;
  }
}

/** The command wrote more than anybody will read. */
export class OutputTooLong extends Error {
  override readonly name = 'OutputTooLong';
  readonly address: string;
  readonly command: string;

  constructor(failure: { address: string; command: string; limitBytes: number }) {
    const { address, command, limitBytes } = failure;
    super(`${command} on ${address} wrote more than ${limitBytes} bytes and was stopped`);
    this.address = address;
    this.command = command;
  }
}

/** The connection broke after the command was sent: it may have run, may still run, or may never have begun. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  readonly address: string;
  readonly command: string;

  constructor(failure: { address: string; command: string; cause?: unknown }) {
    const { address, command, cause } = failure;
    super(
      `The connection to ${address} broke during ${command}; what the command did is not known: ${describe(cause)}`,
      { cause },
    );
    this.address = address;
    this.command = command;
  }
}

/** No connection: nothing was sent. */
export class HostUnreachable extends Error {
  override readonly name = 'HostUnreachable';
  readonly address: string;

  constructor(failure: { address: string; cause: unknown }) {
    super(`No SSH connection to ${failure.address}: ${describe(failure.cause)}`, {
      cause: failure.cause,
    });
    this.address = failure.address;
  }
}

/** The host proved another key than the pinned one: it is not the host we mean. Nothing was sent. */
export class HostKeyMismatch extends Error {
  override readonly name = 'HostKeyMismatch';
  readonly address: string;
  /** `SHA256:…` */
  readonly expected: string;
  readonly actual: string;

  constructor(failure: { address: string; expected: string; actual: string }) {
    const { address, expected, actual } = failure;
    super(`The host at ${address} has the key ${actual}, but ${expected} is pinned for it`);
    this.address = address;
    this.expected = expected;
    this.actual = actual;
  }
}

/** The host does not let this user in with this key or password. */
export class SshAuthenticationRefused extends Error {
  override readonly name = 'SshAuthenticationRefused';
  readonly address: string;
  readonly user: string;

  constructor({ address, user, cause }: { address: string; user: string; cause?: unknown }) {
    super(`${address} does not let ${user} in with the key or password we have`, { cause });
    this.address = address;
    this.user = user;
  }
}

/** A command that cannot be sent as data: a mistake of the caller. */
export class InvalidCommand extends Error {
  override readonly name = 'InvalidCommand';
}

function lastLines(stderr: string): string {
  const lines = stderr.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
  return lines === '' ? 'it wrote nothing to standard error' : lines.slice(-SHOWN_CHARACTERS);
}

/** Node reports a host with several addresses as one error without a message. */
function describe(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(describe).join('; ');
  return cause instanceof Error ? cause.message : 'it was closed';
}
