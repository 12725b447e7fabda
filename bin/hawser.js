#!/usr/bin/env node
// The sources are what runs: tsx compiles them as they load.
import { register } from 'tsx/esm/api';

register();
await import('../client/cli/main.ts');
