import { OpenStackError } from '../openstack/errors.js';

/** Undefined when the service answered with one of these statuses. */
export async function ignoreStatus<T>(
  request: Promise<T>,
  ...statuses: number[]
): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof OpenStackError && statuses.includes(error.status)) return undefined;
    throw error;
  }
}
