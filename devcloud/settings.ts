import type { Collection } from './state.js';

export interface Setting {
  id: string;
  value: number;
}

/** Numbers that change how the whole cloud behaves, and their defaults. */
export const defaultSettings = {
  /** How long a new token is good for, in seconds. */
  tokenSeconds: 3600,
  /** 1: a deleted server is put aside, as with Nova's `reclaim_instance_interval`, and goes by forceDelete only. */
  softDelete: 0,
};

export type SettingName = keyof typeof defaultSettings;

export const getSetting = (settings: Collection<Setting>, name: SettingName): number =>
  settings.get(name)?.value ?? defaultSettings[name];
