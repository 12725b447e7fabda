import { expect, test } from 'vitest';
import type { HistoryEvent } from '../../bench/histories.js';
import { timeLineOf } from '../../bench/time-line.js';

/** Scheduled, started and ended at these moments. */
function three(
  id: number,
  kind: 'activity ended' | 'workflow task ended',
  [scheduled, started, ended]: [number, number, number],
): HistoryEvent[] {
  return [
    { id: `${id}`, at: scheduled, kind: 'other', name: `step ${id}` },
    { id: `${id + 1}`, at: started, kind: 'other' },
    { id: `${id + 2}`, at: ended, kind, scheduledId: `${id}`, startedId: `${id + 1}` },
  ];
}

test('every millisecond counts once, as what is most telling of what went on', () => {
  const share = [
    ...three(1, 'workflow task ended', [0, 10, 20]),
    ...three(4, 'activity ended', [20, 25, 65]),
  ];
  // Beside the step for a while, and then alone.
  const instance = three(1, 'workflow task ended', [50, 60, 80]);
  const { steps, shares } = timeLineOf([share, instance], { from: 0, to: 100 });
  expect(steps).toEqual([{ name: 'step 4', afterMs: 25, ms: 40 }]);
  expect(shares).toEqual({
    steps: 40,
    'workflow code': 25,
    'steps waiting for a worker': 5,
    'workflow tasks waiting for a worker': 10,
    'the rest': 20,
  });
});

test('what was before, or is still to come, is left out', () => {
  const earlier = three(1, 'activity ended', [0, 10, 40]);
  const { steps, shares } = timeLineOf([earlier], { from: 30, to: 100 });
  expect(steps).toEqual([{ name: 'step 1', afterMs: -20, ms: 30 }]);
  expect(shares.steps).toBe(10);
  expect(shares['the rest']).toBe(60);
});
