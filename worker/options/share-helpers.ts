import { z } from 'zod';
import type { ShareHelper } from '../../activities/backend.js';
import type { Protocol } from '../../workflows/model.js';

const known: Record<Protocol, Record<string, ShareHelper>> = {
  NFS: { NFSHelper: 'NFSHelper', ip: 'NFSHelper' },
  CIFS: {
    CIFSHelperIPAccess: 'CIFSHelperIPAccess',
    IPAccess: 'CIFSHelperIPAccess',
    ip: 'CIFSHelperIPAccess',
    CIFSHelperUserAccess: 'CIFSHelperUserAccess',
    UserAccess: 'CIFSHelperUserAccess',
    user: 'CIFSHelperUserAccess',
  },
};

const manilaModule = 'manila.share.drivers.helpers.';

const isProtocol = (text: string): text is Protocol => Object.hasOwn(known, text);

/**
 * Manila's `share_helpers`: a list of `PROTOCOL=CLASS`, as a list or in one text with commas. The classes may be
 * shortened: `CIFS=user`.
 */
export const shareHelpers = z
  .union([z.string().transform((text) => text.split(',')), z.array(z.string())])
  .default(['CIFS=CIFSHelperIPAccess', 'NFS=NFSHelper'])
  .transform((entries, context) => {
    const helpers: Partial<Record<Protocol, ShareHelper>> = {};
    for (const entry of entries) {
      const [protocol = '', given = ''] = entry.split('=').map((part) => part.trim());
      const name = given.startsWith(manilaModule) ? given.slice(manilaModule.length) : given;
      const names = isProtocol(protocol) ? known[protocol] : {};
      const helper = Object.hasOwn(names, name) ? names[name] : undefined;
      if (isProtocol(protocol) && helper) helpers[protocol] = helper;
      else context.addIssue({ code: 'custom', message: problemWith(entry.trim()) });
    }
    return helpers;
  });

const problemWith = (entry: string): string =>
  `${JSON.stringify(entry)} is no helper: use NFS=NFSHelper, CIFS=CIFSHelperIPAccess or CIFS=CIFSHelperUserAccess`;
