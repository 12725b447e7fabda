import { request } from 'node:http';
import { type Socket, connect } from 'node:net';

interface Target {
  address: string;
  port: number;
}

/**
 * Opens a TCP connection, through a proxy by HTTP CONNECT if there is one.
 *
 * @throws Error if that does not work within the time limit or before the signal aborts
 */
export async function openSocket({
  proxy,
  timeoutMs,
  signal,
  ...target
}: Target & {
  proxy?: string | undefined;
  timeoutMs: number;
  signal: AbortSignal;
}): Promise<Socket> {
  const limit = new AbortController();
  const late = new Error(`no connection within ${timeoutMs / 1000} s`);
  const timer = setTimeout(() => limit.abort(late), timeoutMs);
  const stop = (): void => limit.abort(signal.reason);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    return await (proxy === undefined
      ? direct(target, limit.signal)
      : throughProxy(target, new URL(proxy), limit.signal));
  } catch (error) {
    limit.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function direct({ address, port }: Target, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true });
    const stop = (): void => void socket.destroy(new Error('aborted'));
    signal.addEventListener('abort', stop, { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      signal.removeEventListener('abort', stop);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

async function throughProxy(target: Target, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const address = target.address.includes(':') ? `[${target.address}]` : target.address;
  const path = `${address}:${target.port}`;
  return new Promise((resolve, reject) => {
    const fail = (detail: string): void => reject(new Error(`the proxy ${proxy.host} ${detail}`));
    const tunnel = request({
      method: 'CONNECT',
      host: proxy.hostname.replaceAll(/[[\]]/g, ''),
      port: proxy.port === '' ? 80 : proxy.port,
      path,
      headers: { host: path, ...credentials(proxy) },
      agent: false,
      signal,
    });
    tunnel.once('error', ({ message }) => fail(`failed: ${message}`));
    tunnel.once('response', (response) => {
      response.destroy();
      fail(`answered ${response.statusCode} to CONNECT ${path}`);
    });
    tunnel.once('connect', ({ statusCode }, socket, head) => {
      if (statusCode !== 200) {
        socket.destroy();
        fail(`answered ${statusCode} to CONNECT ${path}`);
        return;
      }
      // What the host said meanwhile belongs to the conversation.
      socket.unshift(head);
      resolve(socket);
    });
    tunnel.end();
  });
}

function credentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const both = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(both).toString('base64')}` };
}
