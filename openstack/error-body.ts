import { z } from 'zod';

export interface ServiceComplaint {
  code: string | undefined;
  reason: string;
  retryAfterMs: number | undefined;
}

const MAX_REASON_LENGTH = 1000;
const MAX_CODE_LENGTH = 100;
/** Whoever asks for more has lost his clock. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Nova and Cinder: `{"itemNotFound": {"code": 404, "message": "…"}}`; Keystone the same under `error`. */
const wrapped = z.object({
  code: z.union([z.string(), z.number()]).optional(),
  title: z.string().optional(),
  type: z.string().optional(),
  message: z.string(),
  detail: z.string().nullish(),
  retryAfter: z.coerce.number().optional().catch(undefined),
});

/** The form of the API working group, used for microversions that do not exist: `{"errors": [{…}]}`. */
const listed = z.object({
  errors: z.tuple([z.object({ title: z.string(), detail: z.string().optional() })]).rest(z.any()),
});

/** Glance's form of an error when it was asked for JSON. */
const flat = z.object({ title: z.string(), message: z.string() });

/** Reads what a service says about a refusal, whichever of OpenStack's forms it takes. */
export function readComplaint(text: string): ServiceComplaint {
  const json = parseJson(text);
  const complaint = json === undefined ? fromPage(text) : fromJson(json);
  const reason = complaint.reason.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_REASON_LENGTH);
  return {
    ...complaint,
    code: complaint.code?.slice(0, MAX_CODE_LENGTH),
    reason: reason === '' ? 'no reason given' : reason,
  };
}

function fromJson(json: unknown): ServiceComplaint {
  const list = listed.safeParse(json);
  if (list.success) {
    const [{ title, detail }] = list.data.errors;
    return { code: title, reason: detail ?? title, retryAfterMs: undefined };
  }
  const plain = flat.safeParse(json);
  if (plain.success) {
    return {
      code: plain.data.title,
      reason: stripTags(plain.data.message),
      retryAfterMs: undefined,
    };
  }
  return fromWrapped(json);
}

function fromWrapped(json: unknown): ServiceComplaint {
  const entries = Object.entries(z.record(z.string(), z.unknown()).catch({}).parse(json));
  const [key, value] = entries[0] ?? ['', undefined];
  // Other programs' JSON has no code: `{"message": "no route"}` is a gateway's.
  if (typeof value === 'string') {
    return {
      code: key === 'NeutronError' ? key : undefined,
      reason: value,
      retryAfterMs: undefined,
    };
  }
  const { data } = wrapped.safeParse(value);
  if (data === undefined) return { code: undefined, reason: '', retryAfterMs: undefined };
  return {
    // Keystone wraps everything in `error`, Neutron in `NeutronError`: their own word is inside.
    code: data.type ?? data.title ?? key,
    reason: data.message,
    retryAfterMs: bounded(data.retryAfter === undefined ? NaN : data.retryAfter * 1000),
  };
}

/** A page has no code of the service's own: a proxy in between writes the very same ones. */
function fromPage(text: string): ServiceComplaint {
  return {
    code: undefined,
    reason: stripTags(text.replace(/^[\s\S]*<\/title>/i, '')),
    retryAfterMs: undefined,
  };
}

// Stops at the next `<`: a page of nothing else would be read to its end once for each.
const stripTags = (text: string): string => text.replaceAll(/<[^<>]*>/g, ' ');

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `Retry-After`: seconds or a date. */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined || header === '') return undefined;
  const seconds = Number(header);
  return bounded(Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now);
}

const bounded = (ms: number): number | undefined =>
  Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
