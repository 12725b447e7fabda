import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'tier1',
          include: ['test/**/*.test.ts'],
          exclude: ['test/end-to-end/**'],
          globalSetup: './test/support/global-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 0 },
          // Most tests wait for processes and timers more than they compute.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'tier2',
          include: ['test/end-to-end/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          // Virtual machines are slow enough alone.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
