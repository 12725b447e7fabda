import { describe, expect, test } from 'vitest';
import { LookingTimes } from '../../activities/looking-times.js';

/** When the looks of one wait are, in milliseconds from its beginning. */
function looks(times: LookingTimes, kind: string, untilMs: number): number[] {
  const at = [0];
  for (const pause of times.pauses(kind)) {
    const next = (at.at(-1) ?? 0) + pause;
    if (next > untilMs) return at;
    at.push(next);
  }
  return at;
}

describe('looks at what takes about as long each time', () => {
  test('become less and less frequent while nobody knows how long', () => {
    const at = looks(new LookingTimes(), 'a', 60_000);
    expect(at.slice(0, 3)).toEqual([0, 200, 460]);
    expect((at.at(-1) ?? 0) - (at.at(-2) ?? 0)).toBe(2000);
  });

  test('begin shortly before it was done the last time, and are frequent then', () => {
    const times = new LookingTimes();
    times.remember('a', 2040, 9);
    const at = looks(times, 'a', 2300);
    expect(at[1]).toBeGreaterThan(1900);
    expect(at[1]).toBeLessThan(2000);
    const pauses = at.slice(2).map((ms, index) => ms - (at[index + 1] ?? 0));
    expect(Math.max(...pauses)).toBeLessThan(45);
  });

  test.each([0, 15])(
    'find out how long it takes, whatever they began with, when each takes %s ms itself',
    (lookMs) => {
      const times = new LookingTimes();
      const wait = (tookMs: number): number => {
        const all = looks(times, 'a', 100_000).map((ms, at) => ms + at * lookMs);
        const at = all.findIndex((ms) => ms >= tookMs);
        times.remember('a', (all[at] ?? 0) + lookMs, at);
        return (all[at] ?? 0) - tookMs;
      };
      const took = [...Array<number>(15).fill(2000), ...Array<number>(15).fill(1000)];
      const waste = [...took, ...Array<number>(30).fill(10)].map(wait);
      expect(Math.max(...waste.slice(3, 15))).toBeLessThan(75);
      expect(Math.max(...waste.slice(25, 30))).toBeLessThan(75);
      expect(Math.max(...waste.slice(-5))).toBeLessThan(50);
    },
  );

  test('are never further apart than two seconds, however long it takes', () => {
    const times = new LookingTimes();
    times.remember('a', 90_000, 9);
    const at = looks(times, 'a', 120_000);
    const pauses = at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
    expect(Math.max(...pauses)).toBe(2000);
  });

  test('take into account for how long somebody has watched before', () => {
    const times = new LookingTimes();
    times.remember('a', 1500, 9);
    const [first] = times.pauses('a', 1000);
    expect(first).toBeCloseTo(425);
  });

  test('know what takes long apart from what does not', () => {
    const times = new LookingTimes();
    times.remember('a', 60_000, 9);
    expect(looks(times, 'b', 1000)[1]).toBe(200);
  });

  test('go on for what takes longer than it ever did', () => {
    const times = new LookingTimes();
    times.remember('a', 100, 9);
    expect(looks(times, 'a', 60_000).length).toBeLessThan(60);
  });
});
