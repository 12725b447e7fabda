import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Strike } from '../../devcloud/faults.js';
import { createHosts } from '../../devcloud/hosts/create-hosts.js';
import type { EndedCommand, Hosts } from '../../devcloud/hosts/hosts.js';
import { relay } from '../../devcloud/hosts/commands/relay.js';
import {
  hostKey,
  login,
  newFolder,
  output,
  port,
  run,
  server,
  silent,
  subnet,
  userKey,
} from './host-session.js';

const at = port('a', '10.0.0.5');
const plane = {
  networks: [{ id: 'net-a', mtu: 1500 }],
  subnets: [subnet('a', '10.0.0.0/24')],
  ports: [at],
  routers: [],
};

let folder: string;
let machine: Duplex;
let hosts: Hosts;
let client: ssh2.Client;
let planned: Strike | undefined;
let ended: [string, number][];

const options = {
  privateKey: userKey.private,
  hostKey: hostKey.private,
  authorizedKeys: [userKey.public],
  watch: {
    named: (name: string) => ({
      fault: planned,
      begins: async () => undefined,
      ended: (status: number) => void ended.push([name, status]),
    }),
    unnamed: ({ programs, status }: EndedCommand) => void ended.push([programs, status]),
  },
};

const connect = (): Promise<Duplex> =>
  hosts.connect({ networkId: at.networkId, address: '10.0.0.5', port: 22 });

const between = (): Promise<ssh2.Client> =>
  login(
    {
      ...hosts,
      connect: async () => {
        machine = await connect();
        const near = await relay(machine, options);
        // As sockets do.
        return near.once('end', () => near.destroy());
      },
    },
    at,
  );

const closed = (connection: ssh2.Client): Promise<void> =>
  new Promise((resolve) => connection.once('close', () => resolve()));

async function breaksDuring(script: string): Promise<void> {
  const lost = closed(client);
  const answer = run(client, script).then(({ code }) => code);
  expect(await Promise.race([lost, answer])).toBeUndefined();
}

beforeEach(async () => {
  planned = undefined;
  ended = [];
  folder = await newFolder();
  hosts = createHosts({ kind: 'simulated', stateDir: join(folder, 'hosts'), log: silent });
  await hosts.start();
  await hosts.applyNetworks(plane);
  await hosts.startServer(server('one', at));
  // Commands go on when their connection is lost, as they do on a real machine.
  await hosts.setFaults?.('one', ['commands-outlive-connections']);
  client = await between();
});

afterEach(async () => {
  client.end();
  await hosts.destroy();
  await rm(folder, { recursive: true, force: true });
});

test('a relay passes input, output and exit codes on, and tells the name of what ran', async () => {
  expect(await run(client, 'echo "$1"; echo "$2" >&2; exit 3', 'out', 'err')).toEqual({
    code: 3,
    signal: undefined,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  const long = 'x'.repeat(100_000);
  expect(await output(client, 'printf %s "$1$1$1$1"', long)).toBe(long.repeat(4));
  expect(ended).toEqual([
    ['test', 3],
    ['test', 0],
  ]);
});

test('what is planned for a command happens to it', async () => {
  const cleared = new AbortController().signal;
  const file = '$r/tmp/touched';
  planned = { id: 'one', reset: true, cleared };
  await breaksDuring(`touch ${file}`);
  planned = undefined;
  client = await between();
  expect(await output(client, `[[ -e ${file} ]] || echo no`)).toBe('no\n');

  planned = { id: 'other', reset: true, after: true, cleared };
  await breaksDuring(`touch ${file}`);
  planned = undefined;
  client = await between();
  expect(await output(client, `[[ ! -e ${file} ]] || echo yes`)).toBe('yes\n');
});

test('either side learns when the other one is gone', async () => {
  client.end();
  await expect.poll(() => machine.destroyed).toBe(true);
  client = await between();
  const lost = closed(client);
  await hosts.stopServer('one', 'hard');
  await lost;
});

test('a relay refuses a machine that proves another key, and whom its machine would refuse', async () => {
  await hosts.setFaults?.('one', ['host-key-changed']);
  await expect(connect().then((duplex) => relay(duplex, options))).rejects.toThrow();
  await hosts.setFaults?.('one', []);
  const stranger = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  const through = { ...hosts, connect: async () => relay(await connect(), options) };
  await expect(login(through, at, { privateKey: stranger.private })).rejects.toThrow(
    /authentication/,
  );
});
