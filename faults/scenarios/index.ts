import type { Scenario } from '../scenario.js';
import { ofBackend } from './backend.js';
import { changes } from './changes.js';
import { creations } from './creations.js';
import { deletions } from './deletions.js';
import { ensuring } from './ensuring.js';
import { managing } from './managing.js';
import { snapshots } from './snapshots.js';

/** Every workflow of the driver. */
export const scenarios: Scenario[] = [
  ...creations,
  ...deletions,
  ...changes,
  ...snapshots,
  ...managing,
  ...ensuring,
  ...ofBackend,
];
