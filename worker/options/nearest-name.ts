/** The name that is closest to a mistyped one, or undefined when none is close. */
export function nearestName(wrong: string, names: string[]): string | undefined {
  const [nearest] = names
    .map((name) => ({ name, distance: editDistance(wrong, name) }))
    .toSorted((a, b) => a.distance - b.distance);
  const close = Math.max(2, Math.floor(wrong.length / 4));
  return nearest && nearest.distance <= close ? nearest.name : undefined;
}

/** How many letters have to be put in, taken out or changed to come from one word to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
