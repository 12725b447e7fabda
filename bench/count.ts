import { InvalidArgumentError } from 'commander';

/** Reads an option that is a whole number from `min` to `max`. */
export const count =
  (min = 1, max = Infinity) =>
  (text: string): number => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    const limit = max === Infinity ? '' : ` to ${max}`;
    throw new InvalidArgumentError(`Use a whole number from ${min}${limit}.`);
  };
