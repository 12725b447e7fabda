import { isNotFound } from '../openstack/errors.js';
import { passing } from './failures.js';

/** What another instance, on its way out, took away meanwhile is made again by the next attempt. */
export async function unlessGone<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw passing('CloudBusy', String(error));
  }
}
