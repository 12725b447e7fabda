import { z } from 'zod';

/** `ServerSpec` and `VolumeFile` of hosts.ts, for reading them back from files of state. */
export const serverSpec = z.object({
  id: z.string(),
  name: z.string(),
  ramMib: z.number(),
  vcpus: z.number(),
  rootDiskGib: z.number(),
  imageFile: z.string(),
  ports: z.array(
    z.object({ id: z.string(), macAddress: z.string(), ipAddresses: z.array(z.string()) }),
  ),
  configDrive: z.record(z.string(), z.string()),
});

export const volumeFile = z.object({ id: z.string(), file: z.string() });
