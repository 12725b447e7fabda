import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';

interface Stored {
  sizeBytes: number;
  virtualSizeBytes: number | null;
  /** MD5, as Glance has it. */
  checksum: string;
  osHashValue: string;
}

/** Writes beside and renames, so that a file is never half there. */
export async function storeImage(data: Readable, file: string): Promise<Stored> {
  await mkdir(dirname(file), { recursive: true });
  const beside = `${file}.part`;
  const md5 = createHash('md5');
  const sha512 = createHash('sha512');
  data.on('data', (chunk: Buffer) => {
    md5.update(chunk);
    sha512.update(chunk);
  });
  try {
    await pipeline(data, createWriteStream(beside, { mode: 0o600 }));
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await rename(beside, file);
  return {
    ...(await sizesOf(file)),
    checksum: md5.digest('hex'),
    osHashValue: sha512.digest('hex'),
  };
}

export async function sizesOf(file: string) {
  const { size } = await stat(file);
  return { sizeBytes: size, virtualSizeBytes: await qcow2Size(file) };
}

/** The size of the disk inside a qcow2 file; null for other files. */
async function qcow2Size(file: string): Promise<number | null> {
  const handle = await open(file, 'r');
  try {
    const header = Buffer.alloc(32);
    await handle.read(header, 0, 32, 0);
    const isQcow2 = header.toString('latin1', 0, 4) === 'QFI\u00fb';
    return isQcow2 ? Number(header.readBigUInt64BE(24)) : null;
  } finally {
    await handle.close();
  }
}
