/** A mistake that the matrix has to find: a text of ours that becomes another, and cells that must notice. */
export interface Bug {
  name: string;
  file: string;
  find: string;
  replace: string;
  /** Ids of cells, of which at least one fails. */
  cells: string[];
}

export const bugs: Bug[] = [
  {
    name: 'a volume is created without a look for the one that is there',
    file: 'openstack/oldest-only.ts',
    find: 'const before = await findThere();\n  if (before.length > 0) return keepOldest(before, thing.remove);\n',
    replace: 'if (Date.now() > 0) return thing.create();\n',
    cells: ['createShare-nfs/POST volumes/crash-after', 'createShare-nfs/POST volumes/reset-after'],
  },
  {
    name: 'twins are not removed',
    file: 'openstack/oldest-only.ts',
    find: 'for (const twin of twins) await remove(twin);',
    replace: 'void twins;\n  void remove;',
    cells: ['createShare-nfs/POST volumes/crash-then-stale'],
  },
  {
    name: 'what is said to be gone once is believed',
    file: 'openstack/api.ts',
    find: 'if (!isNotFound(error)) throw error;\n    return look();',
    replace: 'void isNotFound;\n    throw error;',
    cells: ['deleteShare-nfs/GET servers/{id}#2/404'],
  },
  {
    name: 'any conflict counts as use by somebody else',
    file: 'activities/unless-in-use.ts',
    find: "&& Boolean(error.code?.endsWith('InUse'))",
    replace: '',
    cells: ['deleteServiceInstance/DELETE networks/{id}/409'],
  },
  {
    name: 'a list that lacks what is there is believed',
    file: 'activities/lagging-lists.ts',
    find: 'return seen.length > 0 ? seen : list();',
    replace: 'return seen;',
    cells: ['deleteServiceInstance/GET subnets?network_id/stale-list'],
  },
  {
    name: 'the undo of a volume is registered after its step',
    file: 'workflows/create-share.ts',
    find: 'onFailure(() => deleteVolume({ backend, shareId }));\n      return ensureVolume.executeWithOptions(',
    replace:
      'return (async (...args) => { const made = await ensureVolume.executeWithOptions(...args); ' +
      'onFailure(() => deleteVolume({ backend, shareId })); return made; })(',
    cells: [
      'createShare-nfs/ssh format-volume-and-mount-share/cancelled',
      'createShare-nfs/POST volumes/cancelled',
    ],
  },
  {
    name: 'undo detaches a volume under its mounted file system',
    file: 'workflows/create-share.ts',
    find: 'if (mayBeMounted) await unmountShare({ host, shareId, location: planned, volumeId });',
    replace: 'void mayBeMounted; void unmountShare;',
    cells: ['createShare-nfs/ssh format-volume-and-mount-share/cancelled'],
  },
  {
    name: 'a closing that was not answered is believed',
    file: 'activities/serving.ts',
    find: 'unmounting(backend, share),\n      )',
    replace: 'unmounting(backend, share),\n      ).catch(() => undefined)',
    cells: ['deleteShare-cifs/ssh remove-cifs-share-and-unmount-share/ssh-dropped-before'],
  },
  {
    name: "a share's line is added to fstab without a look",
    file: 'activities/scripts/mount-share.sh',
    find: 'if ! grep --quiet --fixed-strings --line-regexp -- "$line" "$fstab"; then\n  others=$(grep --invert-match',
    replace: 'if true; then\n  others=$(cat "$fstab"; true || grep --invert-match',
    cells: [
      'createShare-nfs/ssh format-volume-and-mount-share/crash-after',
      'extendShare/ssh mount-share-and-apply-nfs-exports/crash-after',
    ],
  },
  {
    name: 'a change of rules that was not answered is believed',
    file: 'activities/nfs-exports.ts',
    find: 'return runTask(backends, host, nfsExport(backends(host.backend), wanted));',
    replace:
      'return runTask(backends, host, nfsExport(backends(host.backend), wanted)).catch(() => []);',
    cells: ['updateAccess-nfs/ssh apply-nfs-exports/ssh-dropped-before'],
  },
  {
    name: 'the rules of a share that was closed are read from a scratch file',
    file: 'activities/scripts/apply-nfs-exports.sh',
    find: 'if [[ $# == 0 ]]; then\n  rm --force "$file"\nelse',
    replace:
      'kept=$root/var/tmp/$name.rules\n' +
      'if [[ $# == 0 ]]; then\n' +
      '  mkdir --parents "$root/var/tmp"\n' +
      '  [[ ! -e $file && ! -e $kept ]] || cat "$file" >"$kept" 2>/dev/null || :\n' +
      '  rm --force "$file"\n' +
      'elif [[ -e $kept ]]; then\n  cp "$kept" "$file"\nelse',
    cells: ['extendShare/ssh apply-nfs-exports-and-unmount-share/crash-after'],
  },
  {
    name: 'a volume is formatted without a look whether it is blank',
    file: 'activities/scripts/format-volume.sh',
    find: '# 0: something is there; 2: nothing; 8: several things\nstatus=0',
    replace: '"mkfs.$fstype" -q -L "$label" -m "$reserved" -E nodiscard "$device"\nexit\nstatus=0',
    cells: ['createShare-nfs/ssh format-volume-and-mount-share/ssh-dropped-between'],
  },
  {
    name: 'an opening that was not answered is believed',
    file: 'activities/serving.ts',
    find: "protocol === 'CIFS' ? cifsExport(backend, share) : nfsExport(backend, share),\n      )",
    replace:
      "protocol === 'CIFS' ? cifsExport(backend, share) : nfsExport(backend, share),\n      ).catch(() => [])",
    cells: ['extendShare/ssh mount-share-and-apply-nfs-exports/ssh-dropped-before'],
  },
  {
    name: 'a share that could not be extended stays closed',
    file: 'workflows/out-of-service.ts',
    find: 'if (!touched) return;\n      await putInService(input);',
    replace: 'if (!touched) return;',
    cells: ['extendShare/POST volumes/{id}/action volume.extend/cancelled'],
  },
  {
    name: 'an attachment is asked for without a look',
    file: 'activities/compute.ts',
    find: 'if (!(await cloud.compute.findAttachment(serverId, volumeId))) {\n        await unlessDone(\n          cloud.compute.attachVolume(serverId, volumeId),\n          async () => (await cloud.compute.findAttachment(serverId, volumeId)) !== undefined,\n        );\n      }',
    replace: 'await cloud.compute.attachVolume(serverId, volumeId);',
    cells: ['createShare-nfs/POST servers/{id}/os-volume_attachments/crash-after'],
  },
  {
    name: 'a service that is busy counts as a refusal',
    file: 'worker/failures.ts',
    find: "if (status === 408 || status >= 500) {\n    return passing('CloudUnreachable'",
    replace: "if (status === 408 || status >= 500) {\n    return permanent('RequestRefused'",
    cells: ['createShare-nfs/POST volumes/503'],
  },
  {
    name: 'a token that was refused is not renewed',
    file: 'openstack/session.ts',
    find: 'answer.status === 401 && call.stream === undefined',
    replace: 'answer.status === 499 && call.stream === undefined',
    cells: ['createShare-nfs/POST volumes/401'],
  },
  {
    name: 'a step gives up when its connection breaks',
    file: 'worker/failures.ts',
    find: "return passing('HostUnreachable', error.message);",
    replace: "return permanent('HostUnreachable', error.message);",
    cells: ['createShare-nfs/ssh format-volume-and-mount-share/ssh-dropped-after'],
  },
  {
    name: 'a repeated step tells the workflow the private key of a host',
    file: 'activities/compute.ts',
    find: 'return { serverId: server.id, hostKey };',
    replace:
      "const { Context } = await import('@temporalio/activity');\n" +
      "const key = '-----BEGIN OPENSSH PRIVATE KEY-----';\n" +
      'return { serverId: server.id, hostKey, ...(Context.current().info.attempt > 1 && { key }) };',
    cells: ['setUpServiceInstance/POST servers/crash-after'],
  },
];
