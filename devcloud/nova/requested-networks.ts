import { mayTouch, type Caller } from '../api/caller.js';
import { badRequest, conflict, forbidden } from '../api/errors.js';
import type { Cloud } from '../cloud.js';
import type { ServerNetwork } from './rows.js';
import type { ServerRequest } from './server-request.js';

export function wantedNetworks(
  cloud: Cloud,
  caller: Caller,
  { networks }: ServerRequest,
): ServerNetwork[] {
  if (networks === 'none') return [];
  if (networks === undefined || networks === 'auto' || networks.length === 0) {
    return onlyNetwork(cloud, caller);
  }
  const seen = new Set<string>();
  return networks.map(({ uuid, port, fixed_ip: fixedIp }) => {
    if (port) {
      if (seen.has(port)) {
        throw badRequest(
          `Port ID '${port}' was specified twice: you cannot attach a port multiple times.`,
        );
      }
      seen.add(port);
      if (fixedIp) {
        throw badRequest(
          `Specified Fixed IP '${fixedIp}' cannot be used with port '${port}': the two cannot be specified together.`,
        );
      }
      portMustBeFree(cloud, caller, port);
      return { portId: port };
    }
    if (!uuid) throw badRequest(`Bad network format: missing 'uuid'`);
    networkMustServe(cloud, caller, uuid);
    return { networkId: uuid, fixedIp };
  });
}

function portMustBeFree(cloud: Cloud, caller: Caller, id: string): void {
  const port = cloud.tables.ports.get(id);
  if (!port || !mayTouch(caller, port)) {
    throw badRequest(`Port id ${id} could not be found.`);
  }
  if (port.deviceId) throw conflict(`Port ${id} is still in use.`);
  if (port.fixedIps.length === 0) {
    throw badRequest(`Port ${id} requires a FixedIP in order to be used.`);
  }
}

function networkMustServe(cloud: Cloud, caller: Caller, id: string): void {
  const network = cloud.tables.networks.get(id);
  if (
    !network ||
    !(
      caller.isAdmin ||
      network.shared ||
      network.external ||
      network.projectId === caller.projectId
    )
  ) {
    throw badRequest(`Network ${id} could not be found.`);
  }
  if (network.external && !caller.isAdmin && !network.shared) {
    throw forbidden(`It is not allowed to create an interface on external network ${id}`);
  }
  if (!cloud.tables.subnets.find(({ networkId }) => networkId === id)) {
    throw badRequest(`Network ${id} requires a subnet in order to boot instances on.`);
  }
}

export function portsMustFit(cloud: Cloud, projectId: string, networks: ServerNetwork[]): void {
  const used = cloud.tables.ports.where((port) => port.projectId === projectId).length;
  const more = networks.filter(({ portId }) => !portId).length;
  if (cloud.quotas.exceeded('network', projectId, { resource: 'port', used, more })) {
    throw forbidden('Maximum number of ports exceeded');
  }
}

/** Who names no network gets the only one there is, or none. */
function onlyNetwork({ tables }: Cloud, caller: Caller): ServerNetwork[] {
  const usable = tables.networks.where(
    (row) => row.projectId === caller.projectId || (row.shared && !row.external),
  );
  if (usable.length > 1) {
    throw conflict(
      'More than one possible network found. Specify network ID(s) to select which one(s) to connect to.',
    );
  }
  return usable.map(({ id }) => ({ networkId: id }));
}
