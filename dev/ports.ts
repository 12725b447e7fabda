import { createServer } from 'node:net';

/** A fixed port is taken by somebody else. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
}

/** A port that nobody uses at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || !address) throw new Error('the system gave no port');
  return address.port;
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
