import type { Outcome } from './cells.js';

export interface Finding {
  outcome: Exclude<Outcome, 'passed'>;
  text: string;
}

const worstFirst: Outcome[] = ['lost', 'duplicated', 'leaked', 'stuck'];

/** What a cell comes to, by the worst that was found. */
export const outcomeOf = (findings: Finding[]): Outcome =>
  worstFirst.find((outcome) => findings.some((finding) => finding.outcome === outcome)) ?? 'passed';

/** Lines that are there or not there against what was expected, as `differences` tells them. */
export const ofDifferences = (different: string[], expected: string[]): Finding[] =>
  different.map((line) => {
    const what = line.slice(2);
    if (line.startsWith('-')) return { outcome: 'lost', text: `not there: ${what}` };
    if (expected.includes(what)) return { outcome: 'duplicated', text: `once too often: ${what}` };
    return { outcome: 'leaked', text: `left: ${what}` };
  });
