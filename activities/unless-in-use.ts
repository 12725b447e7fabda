import { OpenStackError } from '../openstack/errors.js';

/** Whether Neutron says no because somebody uses the thing; other conflicts pass. */
export const isInUse = (error: unknown): boolean =>
  error instanceof OpenStackError && error.status === 409 && Boolean(error.code?.endsWith('InUse'));

/** Lets go of what somebody else uses. */
export async function unlessInUse(request: Promise<void>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isInUse(error)) throw error;
  }
}
