import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import type { Progress } from '../progress.js';
import { describeStep } from './steps.js';
import { printable } from './tables.js';
import { humanDuration } from './time.js';

/** Says on standard error what is going on, so that standard output stays for the result. */
export interface ProgressReport {
  show: (progress: Progress<unknown>) => void;
  /** Takes the live line away; says how long it took if it was done. */
  end: (done: boolean) => void;
}

/** One live line on a terminal; elsewhere a line for each new step. Some terminals have no width. */
export function reportProgress(what: string): ProgressReport {
  const shown = printable(what);
  return process.stderr.isTTY && process.stderr.columns > 0 ? liveLine(shown) : stepLines(shown);
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** A step's words stay this long after it ended, so that the line does not flicker between two steps. */
const LINGER_MS = 700;

function liveLine(what: string): ProgressReport {
  const line = createLogUpdate(process.stderr);
  const began = Date.now();
  let frame = 0;
  let shown: { progress: Progress<unknown>; at: number } | undefined;
  const draw = () => {
    frame = (frame + 1) % FRAMES.length;
    const elapsed = humanDuration(Date.now() - began);
    const head = `${what}  ${elapsed}`;
    const room = process.stderr.columns - head.length - 6;
    const doing = shown ? cut(words(shown), room) : '';
    line(`${pc.cyan(FRAMES[frame] ?? '')} ${what}  ${pc.dim(elapsed)}  ${doing}`);
  };
  draw();
  const timer = setInterval(draw, 100).unref();
  return {
    show(progress) {
      const between = progress.steps.length === 0 && !progress.interruption;
      if (between && shown && Date.now() - shown.at < LINGER_MS) return;
      shown = { progress, at: Date.now() };
    },
    end(done) {
      clearInterval(timer);
      line.clear();
      line.done();
      const took = pc.dim(humanDuration(Date.now() - began));
      if (done) process.stderr.write(`${pc.green('✓')} ${what}  ${took}\n`);
    },
  };
}

function words({ progress, at }: { progress: Progress<unknown>; at: number }): string {
  if (progress.interruption) return printable(progress.interruption);
  return progress.steps
    .map((step) => {
      const elapsed = humanDuration(step.sinceMs + Date.now() - at);
      return `${describeStep(step)} ${elapsed}`;
    })
    .join(', ');
}

const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;

function stepLines(what: string): ProgressReport {
  const began = Date.now();
  const said = new Set<string>();
  const say = (text: string) => {
    if (said.has(text)) return;
    said.add(text);
    process.stderr.write(`${what}, ${humanDuration(Date.now() - began)}: ${text}\n`);
  };
  return {
    show({ steps, interruption }) {
      if (interruption) say(printable(interruption));
      for (const step of steps) {
        // Details change all the time: they are for the live line.
        if (worthALine(step.attempt)) say(describeStep({ ...step, detail: null }));
      }
    },
    end(done) {
      if (done) say('done');
    },
  };
}

/** Attempts 1, 2, 4, 8, …: a step that is retried for hours must not fill a log. */
const worthALine = (attempt: number): boolean => (attempt & (attempt - 1)) === 0;
