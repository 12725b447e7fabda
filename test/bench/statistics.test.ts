import { expect, test } from 'vitest';
import { quantile, spreadOf } from '../../bench/statistics.js';

test('a median is in the middle, of two the higher, whatever the order', () => {
  expect(spreadOf([30, 10, 20.4])).toEqual({ median: 20, min: 10, max: 30 });
  expect(spreadOf([10, 20])).toEqual({ median: 20, min: 10, max: 20 });
});

test('of hundred values five are above the 95th percentile', () => {
  const values = Array.from({ length: 100 }, (_, at) => 99 - at);
  const p95 = quantile(0.95, values);
  expect(values.filter((value) => value >= p95)).toHaveLength(5);
  expect(quantile(1, values)).toBe(99);
  expect(quantile(0.5, [])).toBeNaN();
});
