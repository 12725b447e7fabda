/** The value below which that part of all values is, from 0 to 1; of two the higher. */
export const quantile = (part: number, values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? NaN;
};

/** Of an odd number of values the one in the middle, of an even number the higher of two. */
export const median = (values: number[]): number => quantile(0.5, values);

/** With two digits behind the point. */
export const rounded = (value: number): number => Math.round(value * 100) / 100;

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export const spreadOf = (values: number[]): Spread => ({
  median: Math.round(median(values)),
  min: Math.round(Math.min(...values)),
  max: Math.round(Math.max(...values)),
});
