import type { Collection } from './state.js';

export type QuotaService = 'compute' | 'volume' | 'network';

/** OpenStack's own defaults; -1 is no limit. */
export const defaultQuotas: Record<QuotaService, Record<string, number>> = {
  compute: {
    instances: 10,
    cores: 20,
    ram: 51_200,
    key_pairs: 100,
    metadata_items: 128,
    server_groups: 10,
    server_group_members: 10,
  },
  volume: {
    volumes: 10,
    snapshots: 10,
    gigabytes: 1000,
    backups: 10,
    backup_gigabytes: 1000,
    per_volume_gigabytes: -1,
    groups: 10,
  },
  network: {
    network: 100,
    subnet: 100,
    port: 500,
    router: 10,
    floatingip: 50,
    security_group: 10,
    security_group_rule: 100,
    subnetpool: -1,
    rbac_policy: 10,
  },
};

export interface QuotaRow {
  /** `<service>/<projectId>` */
  id: string;
  limits: Record<string, number>;
}

export class Quotas {
  readonly #rows: Collection<QuotaRow>;

  constructor(rows: Collection<QuotaRow>) {
    this.#rows = rows;
  }

  limits(service: QuotaService, projectId: string): Record<string, number> {
    return { ...defaultQuotas[service], ...this.#rows.get(`${service}/${projectId}`)?.limits };
  }

  limit(service: QuotaService, projectId: string, resource: string): number {
    return this.limits(service, projectId)[resource] ?? -1;
  }

  set(service: QuotaService, projectId: string, limits: Record<string, number>): void {
    const id = `${service}/${projectId}`;
    this.#rows.put({ id, limits: { ...this.#rows.get(id)?.limits, ...limits } });
  }

  reset(service: QuotaService, projectId: string): void {
    this.#rows.delete(`${service}/${projectId}`);
  }

  /** Whether `more` on top of `used` is too much. */
  exceeded(
    service: QuotaService,
    projectId: string,
    ask: { resource: string; used: number; more: number },
  ): boolean {
    const limit = this.limit(service, projectId, ask.resource);
    return limit >= 0 && ask.more > 0 && ask.used + ask.more > limit;
  }
}
