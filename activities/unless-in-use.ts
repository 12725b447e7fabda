import { OpenStackError } from '../openstack/errors.js';
import { ignoreAnswer } from './ignore-status.js';

/** Whether Neutron says no because somebody uses the thing; other conflicts pass. */
export const isInUse = (error: unknown): boolean =>
  error instanceof OpenStackError && error.status === 409 && Boolean(error.code?.endsWith('InUse'));

/** Lets go of what somebody else uses. */
export const unlessInUse = (request: Promise<void>): Promise<void> =>
  ignoreAnswer(request, isInUse);
