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
      'createShare-nfs/ssh format-volume/cancelled',
      'createShare-nfs/POST volumes/cancelled',
    ],
  },
  {
    name: 'undo detaches a volume under its mounted file system',
    file: 'workflows/create-share.ts',
    find: 'if (mayBeMounted) await unmountShare({ host, shareId, volumeId });',
    replace: 'void mayBeMounted; void unmountShare;',
    cells: ['createShare-nfs/ssh apply-nfs-exports/cancelled'],
  },
  {
    name: 'a deletion leaves the file system mounted',
    file: 'activities/scripts/unmount-share.sh',
    find: 'while is_ours; do',
    replace: 'while false; do',
    cells: ['deleteShare-nfs/ssh unmount-share/crash-before'],
  },
  {
    name: "a share's line is added to fstab without a look",
    file: 'activities/scripts/mount-share.sh',
    find: 'if ! grep --quiet --fixed-strings --line-regexp -- "$line" "$fstab"; then\n  others=$(grep --invert-match',
    replace: 'if true; then\n  others=$(cat "$fstab"; true || grep --invert-match',
    cells: [
      'createShare-nfs/ssh mount-share/crash-after',
      'extendShare/ssh mount-share/crash-after',
    ],
  },
  {
    name: 'exports are added to those that are there',
    file: 'activities/scripts/apply-nfs-exports.sh',
    find: 'done >"$file.new"',
    replace: 'done >>"$file.new"; cat "$file" >>"$file.new" 2>/dev/null || :',
    cells: ['updateAccess-deny/ssh apply-nfs-exports/crash-before'],
  },
  {
    name: 'the section of a deleted share stays in Samba',
    file: 'activities/scripts/remove-cifs-share.sh',
    find: 'net conf delshare',
    replace: ': net conf delshare',
    cells: ['deleteShare-cifs/ssh remove-cifs-share/crash-after'],
  },
  {
    name: 'a share that could not be extended stays closed',
    file: 'workflows/out-of-service.ts',
    find: 'if (touched) await putInService(input);',
    replace: 'void touched;',
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
    cells: ['createShare-nfs/ssh mount-share/ssh-dropped-after'],
  },
  {
    name: 'the private key of a host is told to the workflow',
    file: 'activities/compute.ts',
    find: 'return { serverId: server.id, hostKey };',
    replace:
      "return { serverId: server.id, hostKey, ...{ key: '-----BEGIN OPENSSH PRIVATE KEY-----' } };",
    cells: ['setUpServiceInstance/POST servers/crash-after'],
  },
];
