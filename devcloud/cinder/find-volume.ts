import { mayTouch, type Caller } from '../api/caller.js';
import type { Cloud } from '../cloud.js';
import { volumeNotFound } from './errors.js';
import type { Volume } from './rows.js';

export interface OnePath {
  Params: { id: string };
}

export function findVolume(cloud: Cloud, caller: Caller, id: string): Volume {
  const row = cloud.tables.volumes.get(id);
  if (!row || !mayTouch(caller, row)) throw volumeNotFound(id);
  return row;
}

export const changeVolume = (cloud: Cloud, id: string, changes: Partial<Volume>) =>
  cloud.tables.volumes.update(id, { ...changes, updatedAt: new Date().toISOString() });
