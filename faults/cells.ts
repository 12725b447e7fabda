import type { Call } from './calls.js';
import { kinds, type Kind } from './kinds.js';
import type { Scenario } from './scenario.js';

/** One call of one scenario, going wrong in one way. */
export interface Cell {
  /** `createShare-nfs/POST volumes/crash-after`: stable, and what `--only` takes. */
  id: string;
  scenario: Scenario;
  call: Call;
  kind: Kind;
}

export type Outcome = 'passed' | 'stuck' | 'leaked' | 'duplicated' | 'lost';

export interface Verdict {
  cell: string;
  outcome: Outcome;
  /** Whether the call came, and went wrong as planned. */
  struck: boolean;
  /** What is wrong, the worst first; empty when it passed. */
  findings: string[];
  ms: number;
  /** From the kill of the worker until the next one called in this lane; undefined where none was killed. */
  resumptionMs?: number;
}

/**
 * Every call of every scenario in every way. A worker may die anywhere; what a call answers is taken in by the step that
 * made it, the same one in whichever operation: a fault of a step's call is tried in one of them.
 */
export function cellsOf(runs: { scenario: Scenario; calls: Call[] }[]): Cell[] {
  const tried = new Set<string>();
  const callsOf = new Map(runs.map((run) => [run.scenario.name, run.calls]));
  return runs.flatMap(({ scenario, calls }) => {
    const like = scenario.like ?? scenario.name.replace(/-.*/, '');
    const known = new Set(
      scenario.beyond?.flatMap((name) => callsOf.get(name)?.map((call) => call.name) ?? []),
    );
    const cells = calls.flatMap((call) =>
      kinds
        .filter((kind) => kind.suits(call) && (kind.group === 'crash' || !known.has(call.name)))
        .map((kind) => ({
          id: `${scenario.name}/${call.name}/${kind.name}`,
          scenario,
          call,
          kind,
        })),
    );
    return cells.filter(({ call, kind }) => {
      if (kind.group !== 'fault') return true;
      const fault = `${like}/${call.name}/${kind.name}`;
      const again = tried.has(fault);
      tried.add(fault);
      return !again;
    });
  });
}
