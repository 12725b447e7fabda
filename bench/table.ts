import Table from 'cli-table3';

/** An empty table without colours. */
export const tableOf = (head: string[]): InstanceType<typeof Table> =>
  new Table({ style: { head: [], border: [] }, head });
