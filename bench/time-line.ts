import type { HistoryEvent } from './histories.js';

/** In milliseconds since the epoch. */
interface Span {
  from: number;
  to: number;
}

interface Step extends Span {
  name: string;
}

/** What the time of an operation went to; what is higher up counts where several went on at once. */
export const kinds = [
  'steps',
  'workflow code',
  'steps waiting for a worker',
  'workflow tasks waiting for a worker',
  'the rest',
] as const;

type Kind = (typeof kinds)[number];

export interface TimeLine {
  /** In the order in which they began. */
  steps: { name: string; afterMs: number; ms: number }[];
  /** Milliseconds of each kind: together the whole of the time. */
  shares: Record<Kind, number>;
}

/** What happened between two moments, from the histories of all workflows that had to do with it. */
export function timeLineOf(histories: HistoryEvent[][], within: Span): TimeLine {
  const spans: Record<Kind, Span[]> = {
    steps: [],
    'workflow code': [],
    'steps waiting for a worker': [],
    'workflow tasks waiting for a worker': [],
    'the rest': [within],
  };
  const steps: Step[] = [];
  for (const events of histories) {
    const known = new Map(events.map((event) => [event.id, event]));
    for (const { kind, at, scheduledId, startedId } of events) {
      const scheduled = known.get(scheduledId ?? '');
      const started = known.get(startedId ?? '');
      if (!scheduled || !started) continue;
      const isStep = kind === 'activity ended';
      if (isStep) steps.push({ name: scheduled.name ?? '', from: started.at, to: at });
      spans[isStep ? 'steps' : 'workflow code'].push({ from: started.at, to: at });
      spans[isStep ? 'steps waiting for a worker' : 'workflow tasks waiting for a worker'].push({
        from: scheduled.at,
        to: started.at,
      });
    }
  }
  return {
    steps: steps
      .filter(({ from, to }) => to > within.from && from < within.to)
      .toSorted((a, b) => a.from - b.from)
      .map(({ name, from, to }) => ({ name, afterMs: from - within.from, ms: to - from })),
    shares: sharesOf(spans, within),
  };
}

function sharesOf(spans: Record<Kind, Span[]>, within: Span): TimeLine['shares'] {
  const moments = Object.values(spans)
    .flat()
    .flatMap(({ from, to }) => [from, to])
    .filter((at) => at > within.from && at < within.to);
  const edges = [...new Set([within.from, ...moments, within.to])].toSorted((a, b) => a - b);
  const pieces = edges.slice(1).map((to, index) => {
    const from = edges[index] ?? to;
    const covers = (span: Span) => span.from <= from && span.to >= to;
    return { ms: to - from, kind: kinds.find((kind) => spans[kind].some(covers)) };
  });
  const sumOf = (wanted: Kind) =>
    pieces.reduce((sum, { kind, ms }) => sum + (kind === wanted ? ms : 0), 0);
  return Object.fromEntries(kinds.map((kind) => [kind, sumOf(kind)])) as TimeLine['shares'];
}
