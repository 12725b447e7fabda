import { type TestProjectInlineConfiguration, defineConfig } from 'vitest/config';

/** Virtual machines are slow, and slower side by side. */
const onMachines = { testTimeout: 600_000, hookTimeout: 600_000, fileParallelism: false };
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
    sequence: { groupOrder: 0 },
    // Most tests wait for processes and timers more than they compute.
    maxWorkers: 3,
  },
};

const tier2: TestProjectInlineConfiguration = {
  test: {
    name: 'tier2',
    include: [contract, 'test/end-to-end/**/*.test.ts'],
    exclude: [hostInterface],
    globalSetup: contractSetup,
    sequence: { groupOrder: 1 },
    ...onMachines,
  },
};

/** What holds on the embedded cloud, on a real one. */
const openstack: TestProjectInlineConfiguration = {
  test: {
    name: 'openstack',
    include: [contract, 'test/end-to-end/**/*.test.ts'],
    exclude: [embeddedOnly],
    globalSetup: contractSetup,
    ...onMachines,
  },
};

export default defineConfig({
  test: { projects: process.env['HAWSER_TEST_CLOUDS_YAML'] ? [openstack] : [tier1, tier2] },
});
