/** What Manila's generic driver does and takes on the embedded cloud: npm run bench:original */
import { checkOriginal } from './check.js';

await checkOriginal();
