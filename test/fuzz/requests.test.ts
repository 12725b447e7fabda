/** What callers ask for: whatever is accepted has one meaning, and none but that one. */
import { BlockList, isIP } from 'node:net';
import { posix } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalAddress,
  canonicalSubject,
  exportedName,
  manageRequestChecks,
  shareRequestChecks,
  validateAccess,
  validateCinderId,
  validateManageRequest,
  validateRuleId,
  validateShareRequest,
  validateSnapshotId,
} from '../../workflows/validation.js';
import { hostileText, around, nearlyAddress, nearlyId } from './inputs.js';
import { holds, patience } from './properties.js';

/** The value, or undefined when it is refused with words for people. */
function accepted<T>(take: () => T): T | undefined {
  try {
    return take();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(TypeError);
    expect((error as Error).message).not.toBe('');
    return undefined;
  }
}

/** By Node's own reading of addresses, which shares no code with ours. */
function covers(prefix: string, address: string): boolean {
  const [base = '', bits] = prefix.split('/');
  const kind = isIP(base) === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  if (bits === undefined) list.addAddress(base, kind);
  else list.addSubnet(base, Number(bits), kind);
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

describe('access rules', { timeout: patience }, () => {
  test('an address has one spelling, which means what was written', async () => {
    await holds('addresses', nearlyAddress, (text) => {
      const canonical = accepted(() => canonicalAddress(text));
      if (canonical === undefined) return;
      expect(canonical).toMatch(/^[0-9a-f.:]+(\/(0|[1-9]\d{0,2}))?$/);
      expect(canonicalAddress(canonical)).toBe(canonical);
      const [address = '', bits] = text.split('/');
      const [base = '', canonicalBits] = canonical.split('/');
      const width = isIP(base) === 6 ? 128 : 32;
      expect(isIP(address)).toBe(isIP(base));
      expect(Number(canonicalBits ?? width)).toBe(Number(bits ?? width));
      expect(covers(base, address)).toBe(true);
    });
  });

  test('a user is named by letters alone, and one DOMAIN', async () => {
    await holds('users', around(fc.constantFrom('alice', 'EXAMPLE\\bob', '_svc-1.x')), (text) => {
      const name = accepted(() => canonicalSubject('user', text));
      if (name === undefined) return;
      expect(name).toBe(text);
      expect(name).toMatch(/^[\w.-]+(\\[\w.-]+)?$/);
      expect(name).not.toMatch(/^[.-]|\\[.-]/);
    });
  });

  test('whatever is sent is taken or refused', async () => {
    const rule = fc.record({ type: fc.anything(), to: fc.anything(), level: fc.anything() });
    const share = fc.record({
      protocol: fc.constantFrom('NFS' as const, 'CIFS' as const),
      accessBy: fc.constantFrom('ip' as const, 'user' as const),
    });
    await holds('rules of any form', fc.tuple(share, rule), ([to, sent]) => {
      const reason = validateAccess(to, sent as Parameters<typeof validateAccess>[1]);
      expect(['string', 'undefined']).toContain(typeof reason);
    });
  });
});

describe('ids and names', { timeout: patience }, () => {
  test('an id is one word, one segment of a path and no option', async () => {
    const checks = [
      shareRequestChecks.id,
      shareRequestChecks.backend,
      validateSnapshotId,
      validateRuleId,
    ];
    await holds('ids', nearlyId, (text) => {
      for (const check of checks) {
        if (check(text) !== undefined) continue;
        expect(text).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
        expect(posix.join('/shares', `share-${text}`)).toBe(`/shares/share-${text}`);
      }
      if (shareRequestChecks.id(text) === undefined) expect(text).toBe(text.toLowerCase());
    });
  });

  test('an id of Cinder’s is one segment of a path', async () => {
    const uuid = around(fc.uuid());
    await holds('ids of Cinder', uuid, (text) => {
      const checks = [validateCinderId, manageRequestChecks.volumeId];
      for (const check of checks)
        if (check(text) === undefined) expect(encodeURIComponent(text)).toBe(text);
    });
  });

  test('names, networks and zones arrive as they were written, and move no cursor', async () => {
    const checks = [
      shareRequestChecks.name,
      shareRequestChecks.shareNetwork,
      shareRequestChecks.availabilityZone,
    ];
    await holds('names', hostileText, (text) => {
      for (const check of checks) {
        if (check(text) !== undefined) continue;
        expect(text).not.toMatch(/\p{Cc}/u);
        expect(Buffer.from(text).toString()).toBe(text);
      }
    });
  });

  test('whatever is sent as a request is taken or refused', async () => {
    const parts = [
      'id',
      'name',
      'protocol',
      'sizeGib',
      'shareNetwork',
      'backend',
      'exportLocation',
      'volumeId',
    ];
    const request = fc.record(Object.fromEntries(parts.map((part) => [part, fc.anything()])));
    await holds('requests of any form', request, (sent) => {
      const reasons = [
        validateShareRequest(sent as unknown as Parameters<typeof validateShareRequest>[0]),
        validateManageRequest(sent as unknown as Parameters<typeof validateManageRequest>[0]),
      ];
      for (const reason of reasons) expect(['string', 'undefined']).toContain(typeof reason);
    });
  });
});

describe('export locations', { timeout: patience }, () => {
  test('an NFS path is absolute, normal and needs no quotes', async () => {
    await holds('NFS export locations', around(fc.constant('10.0.0.5:/srv/old.1')), (text) => {
      const path = exportedName('NFS', text);
      if (path === undefined) return;
      expect(path).toMatch(/^\/[A-Za-z0-9._/-]+$/);
      expect(posix.normalize(path)).toBe(path);
      expect(path.endsWith('/')).toBe(false);
    });
  });

  test('a CIFS name is that of a share, not of a section with a meaning of its own', async () => {
    const named = around(fc.constantFrom('old', 'global', 'Homes', 'printers', 'GLOBAL', 'homes2'));
    await holds(
      'CIFS export locations',
      named.map((name) => `\\\\10.0.0.5\\${name}`),
      (text) => {
        const name = exportedName('CIFS', text);
        if (name === undefined) return;
        expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
        expect(['global', 'homes', 'printers']).not.toContain(name.toLowerCase());
      },
    );
  });
});
