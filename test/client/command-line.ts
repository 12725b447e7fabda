import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { project } from '../../setup/tools.mjs';

export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `hawser` as a person would and returns what it said; the environment has no Temporal in it. */
export function hawser(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const ours = Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_'));
  const clean = { ...Object.fromEntries(ours), TEMPORAL_CONFIG_FILE: '/nonexistent', ...env };
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [join(project, 'bin/hawser.js'), ...args],
      { env: clean },
      (error, stdout, stderr) => {
        if (error && child.exitCode === null) reject(error);
        else resolve({ code: child.exitCode ?? 0, stdout, stderr });
      },
    );
  });
}
