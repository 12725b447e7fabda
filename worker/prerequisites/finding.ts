import type { BackendConfig } from '../config.js';
import type { Cloud } from '../../openstack/index.js';

/** Something that is not as a backend needs it. */
export interface Finding {
  /** The option that it is about. */
  option: string;
  text: string;
  /** A warning is said; with any other the backend cannot work. */
  warning?: true;
}

/** What a check may look at. */
export interface Scene {
  config: BackendConfig;
  cloud: ReturnType<Cloud['withSignal']>;
  /** The project that the credentials are for. */
  projectId: string;
}

/** Looks at one thing in the cloud and changes nothing. Errors of the cloud may pass. */
export type Check = (scene: Scene) => Promise<Finding[]>;

/** An option that this backend may or may not have, if it is a text. */
export function textOf(config: BackendConfig, option: string): string | undefined {
  const value: unknown = Reflect.get(config, option);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Whether the backend makes its own servers; one that does not uses one that is there already. */
export const makesServers = (config: BackendConfig): boolean => config.driver_handles_share_servers;
