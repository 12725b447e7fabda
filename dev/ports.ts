import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** A fixed port is taken by somebody else. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
}

/**
 * A port that nobody uses at the moment. Not one that the system would hand out itself: it gives those to
 * whoever connects or listens next, before our child gets to it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return free;
}

/** Throws `PortTaken`, saying who wanted the port and what to do. `option` is the flag that changes it. */
export async function requirePort(port: number, what: string, option: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PortTaken(
      `Port ${port}, for ${what}, is not free (${reason}). See who has it with: ` +
        `ss -ltnp 'sport = :${port}' – or take another with ${option} PORT.`,
    );
  }
  await new Promise((resolve) => server.close(resolve));
}
