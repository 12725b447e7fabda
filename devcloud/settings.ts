import type { Collection } from './state.js';

export interface Setting {
  id: string;
  value: number;
}

/** Numbers that change how the whole cloud behaves, and their defaults. */
export const defaultSettings = {
  /** How long a new token is good for, in seconds. */
  tokenSeconds: 3600,
};

export type SettingName = keyof typeof defaultSettings;

export const getSetting = (settings: Collection<Setting>, name: SettingName): number =>
  settings.get(name)?.value ?? defaultSettings[name];
