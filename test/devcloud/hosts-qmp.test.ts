import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { QmpError, withQmp } from '../../devcloud/hosts/qemu/qmp.js';
import { newFolder } from './host-session.js';

let folder: string;
let path: string;
let server: Server;

const command = z.object({ execute: z.string() });

/** A QEMU that greets and then does as told by the command's name. */
function serve(socket: Socket): void {
  const say = (message: unknown) => socket.write(`${JSON.stringify(message)}\n`);
  say({ QMP: { version: {}, capabilities: [] } });
  createInterface({ input: socket }).on('line', (line) => {
    const { execute } = command.parse(JSON.parse(line));
    if (execute === 'hang-up') return socket.destroy();
    if (execute === 'refuse') return say({ error: { class: 'DeviceNotFound', desc: 'no such' } });
    if (execute === 'unplug') say({ event: 'DEVICE_DELETED', data: { device: 'one' } });
    return say({ return: { did: execute } });
  });
}

beforeEach(async () => {
  folder = await newFolder();
  path = join(folder, 'qmp');
  server = createServer(serve).listen(path);
  await once(server, 'listening');
});

afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

it('answers commands in turn', async () => {
  const answers = withQmp(path, async (qmp) => [await qmp.execute('a'), await qmp.execute('b')]);
  expect(await answers).toEqual([{ did: 'a' }, { did: 'b' }]);
});

it('tells a refusal by its class, and goes on', async () => {
  await withQmp(path, async (qmp) => {
    const refusal = await qmp.execute('refuse').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(QmpError);
    expect(refusal).toMatchObject({
      errorClass: 'DeviceNotFound',
      message: 'QEMU refused refuse: no such',
    });
    expect(await qmp.execute('b')).toEqual({ did: 'b' });
  });
});

it('sees events that came before it was asked, and gives up on others in time', async () => {
  await withQmp(path, async (qmp) => {
    await qmp.execute('unplug');
    const isOne = (data: unknown) => JSON.stringify(data).includes('one');
    expect(await qmp.sees('DEVICE_DELETED', isOne, 10)).toBe(true);
    expect(await qmp.sees('DEVICE_DELETED', () => false, 10)).toBe(false);
  });
});

it('fails at once when the machine is gone or goes', async () => {
  const lost = withQmp(path, (qmp) => qmp.execute('hang-up'));
  await expect(lost).rejects.toThrow(`Lost QEMU's control socket ${path}`);
  const gone = withQmp(join(folder, 'none'), async () => 'unreached');
  await expect(gone).rejects.toThrow('ENOENT');
});
