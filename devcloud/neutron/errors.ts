import { ApiError } from '../api/errors.js';

export const neutronError = (status: number, type: string, message: string): ApiError =>
  new ApiError(status, message, { type });

export const networkNotFound = (id: string) =>
  neutronError(404, 'NetworkNotFound', `Network ${id} could not be found.`);

export const subnetNotFound = (id: string) =>
  neutronError(404, 'SubnetNotFound', `Subnet ${id} could not be found.`);

export const portNotFound = (id: string) =>
  neutronError(404, 'PortNotFound', `Port ${id} could not be found.`);

export const routerNotFound = (id: string) =>
  neutronError(404, 'RouterNotFound', `Router ${id} could not be found`);

export const securityGroupNotFound = (id: string) =>
  neutronError(404, 'SecurityGroupNotFound', `Security group ${id} does not exist`);

export const securityGroupRuleNotFound = (id: string) =>
  neutronError(404, 'SecurityGroupRuleNotFound', `Security group rule ${id} does not exist`);

export const invalidInput = (message: string) =>
  neutronError(400, 'InvalidInput', `Invalid input for operation: ${message}.`);

export const badResource = (resource: string, message: string) =>
  neutronError(400, 'BadRequest', `Bad ${resource} request: ${message}.`);

export const malformed = (message: string) => neutronError(400, 'HTTPBadRequest', message);

export const addressTaken = (address: string, subnetId: string) =>
  neutronError(
    409,
    'IpAddressAlreadyAllocated',
    `IP address ${address} already allocated in subnet ${subnetId}`,
  );

export const notAllowed = (rule: string) =>
  neutronError(403, 'PolicyNotAuthorized', `rule:${rule} is disallowed by policy`);

export const overQuota = (resource: string) =>
  neutronError(409, 'OverQuota', `Quota exceeded for resources: ['${resource}'].`);
