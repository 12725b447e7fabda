import { type TestProjectInlineConfiguration, defineConfig } from 'vitest/config';

/** Virtual machines are slow. */
const patient = { testTimeout: 600_000, hookTimeout: 600_000 };
/** On one cloud for all files, each would find the others' things there. */
const onOneCloud = { ...patient, fileParallelism: false };
const contract = 'test/contract/**/*.test.ts';
/** A host plugs its own port only where there is an L2 agent for it. */
const hostInterface = 'test/end-to-end/host-interface.test.ts';
/** Looks into the embedded cloud's own virtual machines. */
const embeddedOnly = 'test/end-to-end/hosts-qemu.test.ts';
const contractSetup = './test/contract/global-setup.ts';

const tier1: TestProjectInlineConfiguration = {
  test: {
    name: 'tier1',
    include: ['test/**/*.test.ts'],
    exclude: ['test/end-to-end/**', contract],
    globalSetup: './test/support/global-setup.ts',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // On a busy machine a workflow begins later than within the one second that is usual.
    expect: { poll: { timeout: 30_000 } },
    sequence: { groupOrder: 0 },
    // Most tests wait for processes and timers more than they compute.
    maxWorkers: 3,
  },
};

const contractOnQemu: TestProjectInlineConfiguration = {
  test: {
    name: 'contract',
    include: [contract],
    globalSetup: contractSetup,
    sequence: { groupOrder: 1 },
    ...onOneCloud,
  },
};

const tier2: TestProjectInlineConfiguration = {
  test: {
    name: 'tier2',
    include: ['test/end-to-end/**/*.test.ts'],
    exclude: [hostInterface],
    sequence: { groupOrder: 2 },
    ...patient,
    // Each file has a cloud of its own, and a machine that boots wants a core.
    maxWorkers: 2,
  },
};

/** What holds on the embedded cloud, on a real one. */
const openstack: TestProjectInlineConfiguration = {
  test: {
    name: 'openstack',
    include: [contract, 'test/end-to-end/**/*.test.ts'],
    exclude: [embeddedOnly],
    globalSetup: contractSetup,
    ...onOneCloud,
  },
};

export default defineConfig({
  test: {
    projects: process.env['HAWSER_TEST_CLOUDS_YAML'] ? [openstack] : [tier1, contractOnQemu, tier2],
  },
});
