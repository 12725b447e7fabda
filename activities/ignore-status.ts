import { OpenStackError } from '../openstack/errors.js';

/** Undefined when the service answered with one of these statuses. */
export const ignoreStatus = <T>(
  request: Promise<T>,
  ...statuses: number[]
): Promise<T | undefined> => ignoreAnswer(request, ({ status }) => statuses.includes(status));

/** Undefined when the service answered with a no of this kind. */
export async function ignoreAnswer<T>(
  request: Promise<T>,
  isOfKind: (answer: OpenStackError) => boolean,
): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof OpenStackError && isOfKind(error)) return undefined;
    throw error;
  }
}
