/** A port of ours as this host needs it. */
export interface PluggedPort {
  portId: string;
  mac: string;
  /** Null if the cloud does not tell. */
  mtu: number | null;
}

/** Connects this host to what an L2 agent looks after. One for each kind of agent. */
export interface Plugger {
  /** How Neutron says that such an agent has the port: `binding:vif_type`. */
  vifType: string;
  /** The device that carries a port's addresses. */
  deviceOf(portId: string): string;
  /** @throws HostInterfaceUnusable if this host lacks what is needed. Changes nothing. */
  check(): Promise<void>;
  /** Makes the port's device, or finds it, and puts it in order. Safe to repeat. */
  plug(port: PluggedPort): Promise<void>;
  /** Removes the port's device; gone is success. Safe to repeat. */
  unplug(portId: string): Promise<void>;
  /** The ports whose devices this host has, of the mark that the plugger puts on them. */
  plugged(): Promise<string[]>;
}

/** Interface names have 15 characters at most; agents find the port by these. */
export const shortId = (portId: string): string => portId.slice(0, 11);
