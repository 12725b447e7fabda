import type { AccessRule, ShareView } from './model.js';

/** A share's rules as the next write finds them. */
export interface RulesToWrite {
  /** The whole list that is written. */
  rules: AccessRule[];
  /** Left out. A rule whose denial failed stays `denying` until a later write leaves it out. */
  denied: AccessRule[];
}

export const rulesToWrite = ({ accessRules }: ShareView): RulesToWrite => ({
  rules: accessRules.filter(({ state }) => state !== 'denying'),
  denied: accessRules.filter(({ state }) => state === 'denying'),
});

/** What was written is in force now, and what was left out is gone. */
export function rulesWritten(view: ShareView, { rules, denied }: RulesToWrite): void {
  for (const rule of rules) rule.state = 'active';
  // Filtered anew: rules may have come while the old list was being written.
  view.accessRules = view.accessRules.filter((rule) => !denied.includes(rule));
}
