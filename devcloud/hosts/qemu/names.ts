import { createHash } from 'node:crypto';

const hash = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

/** Names of the namespaces and interfaces of one state directory; an interface's has 15 characters at most. */
export class Names {
  readonly prefix: string;

  constructor(stateDir: string) {
    this.prefix = `hawser-${hash(stateDir, 6)}-`;
  }

  get wires(): string {
    return `${this.prefix}wires`;
  }

  dhcp(networkId: string): string {
    return `${this.prefix}dhcp-${networkId}`;
  }

  router(routerId: string): string {
    return `${this.prefix}router-${routerId}`;
  }

  client(portId: string): string {
    return `${this.prefix}client-${portId}`;
  }
}

export const bridgeOf = (networkId: string): string => `br${hash(networkId, 12)}`;
export const tapOf = (portId: string): string => `tap${hash(portId, 12)}`;
/** The end in the namespace of the wires, and the end in the namespace that it leads to. */
export const wireOf = (namespace: string, networkId: string): string =>
  `w${hash(`${namespace} ${networkId}`, 12)}`;
export const interfaceOf = (networkId: string): string => `eth${hash(networkId, 11)}`;
