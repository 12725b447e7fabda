import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';

const CONNECT_LIMIT_S = 10;

/** A TCP connection made from within a namespace. @throws Error with code ECONNREFUSED, ETIMEDOUT or EHOSTUNREACH */
export async function dial(namespace: string, address: string, port: number): Promise<Duplex> {
  const host = address.includes(':') ? `TCP6:[${address}]` : `TCP4:${address}`;
  const there = `${host}:${port},connect-timeout=${CONNECT_LIMIT_S},nodelay`;
  const socat = spawn('ip', ['netns', 'exec', namespace, 'socat', '-d', '-d', 'STDIO', there]);
  await connected(socat, `${address}:${port}`);
  const connection = Duplex.from({ readable: socat.stdout, writable: socat.stdin });
  connection.once('close', () => socat.kill());
  // The far end closes or breaks off; readers see the end.
  connection.on('error', () => undefined);
  return connection;
}

/** socat tells on standard error when it is through; nothing else would before the first byte. */
async function connected(socat: ChildProcessWithoutNullStreams, place: string): Promise<void> {
  let told = '';
  await new Promise<void>((resolve, reject) => {
    socat.stderr.on('data', (chunk: Buffer) => {
      told = (told + chunk.toString()).slice(-4000);
      if (told.includes('starting data transfer loop')) resolve();
    });
    socat.once('error', reject);
    socat.once('exit', () => reject(explain(told, place)));
  });
}

function explain(told: string, place: string): Error {
  const [reason, code] = /refused/i.test(told)
    ? ['Connection refused', 'ECONNREFUSED']
    : /timed out/i.test(told)
      ? ['No answer', 'ETIMEDOUT']
      : ['No way', 'EHOSTUNREACH'];
  return Object.assign(new Error(`${reason} from ${place}`), { code });
}
