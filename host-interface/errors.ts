/** Why this host cannot reach service instances through a port of its own. */

/** A person must act: on this host, or on its options. */
export class HostInterfaceUnusable extends Error {
  override readonly name = 'HostInterfaceUnusable';
}

/** It may work soon: an agent starts, or others are changing the same things now. */
export class HostInterfaceNotReady extends Error {
  override readonly name = 'HostInterfaceNotReady';
}
