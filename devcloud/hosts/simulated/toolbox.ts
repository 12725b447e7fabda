import { constants } from 'node:fs';
import { access, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Tools that only touch the files they are told to, so a host may use the real ones. */
const harmless =
  '[ awk base64 basename bash cat chgrp chmod cmp column comm cp cut date dd diff dirname du echo egrep env expr ' +
  'false fgrep find flock getent grep gzip head hostname id install join jq ln ls md5sum mkdir mktemp mv nice ' +
  'nohup nproc numfmt od paste printf ps pwd readlink realpath rm rmdir sed seq setsid sh sha256sum shuf sleep sort ' +
  'split stat stdbuf sync tac tail tar tee test timeout touch tr true truncate uname uniq uptime wc whoami xargs';

/**
 * Makes a folder of links to those tools. It is all of the real PATH that a host gets: a script that runs
 * `reboot` or `mkfs.xfs` finds no such command, rather than the developer's.
 */
export async function makeToolbox(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const tool of harmless.split(' ')) {
    const file = await findTool(tool);
    if (file) await symlink(file, join(folder, tool)).catch(ignoreExisting);
  }
  return folder;
}

async function findTool(tool: string): Promise<string | undefined> {
  for (const folder of ['/usr/bin', '/bin', '/usr/local/bin']) {
    const file = join(folder, tool);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return undefined;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
