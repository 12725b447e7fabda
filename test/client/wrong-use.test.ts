import { describe, expect, it } from 'vitest';
import { hawser } from './command-line.js';

// Nothing listens there: what is answered without it was checked before anything was asked of Temporal.
const nowhere = ['--address', '127.0.0.1:1'];
const create = ['share', 'create', '--share-network', 'net'];

describe('wrong use', () => {
  it.concurrent.each([
    [['sharks'], "unknown command 'sharks'"],
    [['share', 'create'], "required option '--protocol <NFS|CIFS>' not specified"],
    [[...create, '--protocol', 'NFS', '--size', '10G'], 'Use a whole number of GiB'],
    [[...create, '--protocol', 'NFS', '--size', '0'], 'a size of 0 leaves no room'],
    [[...create, '--protocol', 'NFS', '--size', '-1'], 'size -1 is negative'],
    [[...create, '--protocol', 'NFS', '--size', '1.5'], 'size 1.5 is a fraction'],
    [[...create, '--protocol', 'NFS', '--size', '99999999'], 'larger than the largest share'],
    [[...create, '--protocol', 'AFS', '--size', '1'], 'protocol "AFS" is unknown: use NFS or CIFS'],
    [[...create, '--protocol', 'nfs', '--size', '1', '--id', 'a b'], 'share id "a b" contains " "'],
    [['share', 'list', '--status', 'fine'], 'status fine is unknown: use creating, available'],
    [['share', 'show', 'a', '-o', 'xml'], 'Allowed choices are table, json'],
    [['access', 'allow', 's', '--to', '10.0.0.5', '--level', 'rwx'], 'Allowed choices are rw, ro'],
    [['access', 'allow', 's', '--to', '10.0.0.5/24', '--level', 'ro'], 'use 10.0.0.0/24'],
    [['access', 'allow', 's', '--to', 'example.org', '--level', 'ro'], 'is not an IPv4 or IPv6'],
    [['access', 'deny', 's', '10.0.0.5/24'], 'use 10.0.0.0/24'],
    [['share', 'ensure'], 'Name one share, or one service instance with --instance, or --all'],
    [['share', 'ensure', 's', '--all'], 'Name one share, or'],
    [['share', 'ensure', 's', '--backend', 'b'], 'Name one share, or'],
    [['dev', '--hosts', 'docker'], 'Allowed choices are qemu, simulated'],
    [['dev', '--cloud-port', '70000'], 'Use a number from 1 to 65535'],
  ])('is answered with exit code 2 and the reason: %j', async (args, reason) => {
    const said = await hawser([...args, ...nowhere]);
    expect(said).toMatchObject({ code: 2, stdout: '' });
    expect(said.stderr).toContain(reason);
  });

  it('is one JSON document on standard output with -o json, and nothing on standard error', async () => {
    for (const args of [
      ['share', 'create'],
      [...create, '--protocol', 'NFS', '--size', '0'],
    ]) {
      const said = await hawser([...args, '-o', 'json', ...nowhere]);
      expect(said.code).toBe(2);
      expect(JSON.parse(said.stdout)).toEqual({
        error: { type: expect.any(String), message: expect.any(String) },
      });
      expect(said.stderr).toBe('');
    }
  });

  it('names every mistake at once', async () => {
    const said = await hawser([...create, '--protocol', 'AFS', '--size', '0', ...nowhere]);
    expect(said.stderr).toContain('protocol "AFS"');
    expect(said.stderr).toContain('a size of 0');
  });
});

describe('help', () => {
  it('and the version are printed to standard output with exit code 0', async () => {
    const help = await hawser(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const noun of ['dev', 'worker', 'share', 'access', 'instance']) {
      expect(help.stdout).toContain(noun);
    }
    expect((await hawser(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('fits a terminal of 80 columns', async () => {
    for (const args of [['--help'], ['share', 'create', '--help'], ['dev', '--help']]) {
      const { stdout } = await hawser(args);
      const prose = stdout.split('\n').filter((line) => !line.includes('$ hawser'));
      expect(Math.max(...prose.map((line) => line.length))).toBeLessThanOrEqual(80);
    }
  });
});

describe('a Temporal that is not there', () => {
  it('is said at once, with its address and what to do', async () => {
    const began = Date.now();
    const said = await hawser(['share', 'show', 'x'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(said).toMatchObject({ code: 1, stdout: '' });
    expect(said.stderr).toContain('127.0.0.1:1: connect ECONNREFUSED');
    expect(said.stderr).toContain('TEMPORAL_ADDRESS');
    expect(said.stderr).toContain('hawser dev');
    expect(Date.now() - began).toBeLessThan(5000);
  });

  it('is an error of its own type in JSON', async () => {
    const said = await hawser(['share', 'list', '-o', 'json', ...nowhere]);
    expect(said.code).toBe(1);
    expect(JSON.parse(said.stdout)).toMatchObject({ error: { type: 'TemporalUnreachable' } });
  });

  it('is told from a configuration that cannot be read', async () => {
    const said = await hawser(['share', 'list'], { TEMPORAL_PROFILE: 'nope' });
    expect(said.code).toBe(2);
    expect(said.stderr).toContain("Profile 'nope' not found");
  });
});
