import { readFileSync, statSync } from 'node:fs';
import { fingerprint, publicKeyOf } from '../../ssh/host-key.js';
import type { BackendConfig } from '../config.js';
import { makesServers, textOf, type Finding } from './finding.js';

type Option = 'path_to_private_key' | 'path_to_public_key';

/** The files of the key pair that opens service instances: readable, usable, and two halves of one pair. */
export function checkKeyFiles(config: BackendConfig): Finding[] {
  const findings: Finding[] = [];
  const privateFile = textOf(config, 'path_to_private_key');
  // A password opens them too, and a server that is there already needs no public half.
  if (privateFile === undefined) return [];
  const own = readKey('path_to_private_key', privateFile, publicKeyOf, findings);
  if (own !== undefined && isOpenToOthers(privateFile)) {
    findings.push({
      option: 'path_to_private_key',
      text: `others on this host may read ${privateFile}: chmod 600 it`,
      warning: true,
    });
  }
  const publicFile = textOf(config, 'path_to_public_key');
  if (publicFile === undefined || !makesServers(config)) return findings;
  const other = readKey('path_to_public_key', publicFile, fingerprint, findings);
  if (own !== undefined && other !== undefined && fingerprint(own) !== other) {
    findings.push({
      option: 'path_to_public_key',
      text: `${publicFile} (${other}) is not the public half of ${privateFile} (${fingerprint(own)})`,
    });
  }
  return findings;
}

function readKey(
  option: Option,
  file: string,
  read: (text: string) => string,
  findings: Finding[],
): string | undefined {
  try {
    return read(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    findings.push({ option, text: reason.includes(file) ? reason : `${file}: ${reason}` });
    return undefined;
  }
}

const isOpenToOthers = (file: string): boolean => (statSync(file).mode & 0o077) !== 0;
