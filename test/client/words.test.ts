import { describe, expect, it } from 'vitest';
import { mountCommand } from '../../client/cli/share-output.js';
import { describeStep } from '../../client/cli/steps.js';
import { list, printable, printableJson, table } from '../../client/cli/tables.js';
import { ago, humanDuration } from '../../client/cli/time.js';
import type { RunningStep } from '../../client/index.js';

const step: RunningStep = {
  operation: 'setUpServiceInstance',
  workflowId: 'setUpServiceInstance-x-1',
  step: 'waitForSsh',
  attempt: 1,
  state: 'running',
  lastFailure: null,
  detail: null,
  sinceMs: 0,
};

describe('a step', () => {
  it('is said in plain words, a new one by its own name', () => {
    expect(describeStep(step)).toBe('waiting for SSH');
    expect(describeStep({ ...step, step: 'renewHostKeys' })).toBe('renew host keys');
  });

  it('that is retried says how often, and the first line of why', () => {
    const retried = { ...step, attempt: 3, lastFailure: 'connect ECONNREFUSED 10.0.0.5:22\n at …' };
    expect(describeStep(retried)).toBe(
      'waiting for SSH (attempt 3: connect ECONNREFUSED 10.0.0.5:22)',
    );
  });

  it('says what it sees, and what holds it up', () => {
    expect(describeStep({ ...step, step: 'ensureVolume', detail: 'creating' })).toBe(
      'creating the volume (creating)',
    );
    expect(describeStep({ ...step, state: 'paused' })).toContain('paused by an operator');
    expect(describeStep({ ...step, state: 'waiting for a worker' })).toContain('no worker');
  });

  it('cannot write to the terminal behind our back', () => {
    const evil = describeStep({ ...step, attempt: 2, lastFailure: 'gone\u001b[2J\u0007' });
    expect(evil).not.toMatch(/\p{Cc}/u);
  });
});

describe('a time', () => {
  it.each([
    [0, '0.0 s'],
    [4249, '4.2 s'],
    [9960, '10 s'],
    [59_400, '59 s'],
    [192_000, '3 min 12 s'],
    [7_500_000, '2 h 5 min'],
  ])('of %d ms is %s', (ms, words) => {
    expect(humanDuration(ms)).toBe(words);
  });

  it.each([
    ['2026-01-10T12:00:00Z', 'just now'],
    ['2026-01-10T11:57:01Z', '3 min ago'],
    ['2026-01-09T12:00:30Z', '24 h ago'],
    ['2026-01-03T12:00:00Z', '7 days ago'],
  ])('at %s was %s', (iso, words) => {
    expect(ago(iso, Date.parse('2026-01-10T12:00:30Z'))).toBe(words);
  });
});

describe('a table', () => {
  const columns = [
    { title: 'ID', value: (row: { id: string; net: string }) => row.id },
    { title: 'NETWORK', value: (row: { id: string; net: string }) => row.net, mayShrink: true },
  ];
  const rows = [
    { id: 'a', net: 'n'.repeat(40) },
    { id: 'projects-2026', net: 'short' },
  ];

  it('has no lines and no trailing space, and nothing is cut without need', () => {
    expect(table(columns, rows)).toBe(
      ['ID             NETWORK', `a              ${'n'.repeat(40)}`, 'projects-2026  short'].join(
        '\n',
      ),
    );
  });

  it('cuts only the columns that may shrink when the terminal is narrow', () => {
    const lines = table(columns, rows, 30).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(30);
    expect(lines[1]).toContain('nnn…');
    expect(lines[2]).toContain('projects-2026  short');
  });

  it('of names and values gives a name once for several values', () => {
    expect(list([['Export', 'a', 'b'], ['Size', '1 GiB'], ['Nothing']])).toBe(
      ['Export  a', '        b', 'Size    1 GiB'].join('\n'),
    );
  });
});

describe('the command to mount', () => {
  const share = {
    id: 'x',
    name: '',
    sizeGib: 1,
    shareNetwork: 'net',
    backend: 'generic',
    status: 'available',
    serviceInstance: null,
    volumeId: null,
    volumeSizeGib: null,
    originalSizeGib: null,
    accessBy: 'ip',
    exportLocations: [],
    accessRules: [],
    error: null,
    operation: null,
    createdAt: '2026-01-10T12:00:00Z',
  } as const;
  const lists = { exportLocations: [], accessRules: [], snapshots: [] };

  it('is what a client would type', () => {
    expect(mountCommand({ ...share, ...lists, protocol: 'NFS' }, '10.0.0.5:/shares/x')).toBe(
      'mount -t nfs4 -o vers=4.1 10.0.0.5:/shares/x /mnt',
    );
    const byUser = { ...share, ...lists, protocol: 'CIFS', accessBy: 'user' } as const;
    expect(mountCommand(byUser, '\\\\10.0.0.5\\x')).toBe(
      'mount -t cifs //10.0.0.5/x /mnt -o username=USER,vers=3.1.1',
    );
    expect(mountCommand({ ...share, ...lists, protocol: 'CIFS' }, '\\\\10.0.0.5\\x')).toBe(
      'mount -t cifs //10.0.0.5/x /mnt -o guest,vers=3.1.1',
    );
  });
});

describe('foreign text', () => {
  it('is shown without what a terminal would obey or write backwards', () => {
    expect(printable('a\u001b[2Jb\u009b31mc\u202ed\ne')).toBe('a[2Jb31mcd\ne');
  });

  it('is the same in JSON, where a terminal sees nothing to obey', () => {
    const value = { name: 'a\u001b[2J\u009b31m\u202e\u007f é' };
    expect(printableJson(value)).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
    expect(JSON.parse(printableJson(value))).toEqual(value);
  });
});
