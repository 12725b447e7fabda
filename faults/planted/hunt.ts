import { z } from 'zod';

const reportSchema = z.object({
  unknown: z.array(z.string()),
  failed: z.array(
    z.object({ cell: z.string(), struck: z.boolean(), findings: z.array(z.string()) }),
  ),
});

/** What cells say of a bug that they must notice. */
export interface Hunt {
  /** Empty when it went unnoticed. */
  found: string[];
  /** What failed beside: it is no proof that the cells notice. */
  others: string[];
}

/**
 * Reads the report of a run of these cells. A cell noticed something when its own call went wrong as planned and it failed:
 * a run without a fault, or a cell whose call never came, would have failed for something else. Throws when there is no such
 * cell.
 */
export function huntIn(report: unknown, cells: string[]): Hunt {
  const { unknown, failed } = reportSchema.parse(report);
  if (unknown.length > 0) throw new Error(`there are no such cells: ${unknown.join(', ')}`);
  const noticed = failed.filter(({ cell, struck }) => struck && cells.includes(cell));
  const told = (some: typeof failed) =>
    some.map(({ cell, findings }) => `${cell}: ${findings[0] ?? ''}`);
  return { found: told(noticed), others: told(failed.filter((one) => !noticed.includes(one))) };
}
