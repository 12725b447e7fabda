import { z } from 'zod';

const metaData = z.object({ public_keys: z.record(z.string(), z.string()).optional() });
const userData = z.object({
  ssh_keys: z
    .object({ ed25519_private: z.string(), ed25519_public: z.string().optional() })
    .optional(),
});

/** The public keys that may log in, in OpenSSH's one-line form. */
export function authorizedKeys(drive: Record<string, string>): string[] {
  const text = drive['openstack/latest/meta_data.json'];
  if (text === undefined) return [];
  return Object.values(metaData.parse(JSON.parse(text)).public_keys ?? {});
}

/**
 * The ed25519 host key that user data gives the guest, if it is `#cloud-config` with one JSON object
 * under that line. A guest passes over user data in any other form.
 */
export function givenHostKey(drive: Record<string, string>): string | undefined {
  const [head, ...rest] = (drive['openstack/latest/user_data'] ?? '').split('\n');
  if (head?.trim() !== '#cloud-config') return undefined;
  try {
    return userData.parse(JSON.parse(rest.join('\n'))).ssh_keys?.ed25519_private;
  } catch {
    return undefined;
  }
}
