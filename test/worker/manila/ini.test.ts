import { expect, test } from 'vitest';
import { interpolate, parseIni } from '../../../worker/manila/ini.js';

test("values are read in oslo.config's dialect", () => {
  const text = `
; a comment
[a]
colon: x=y
equals = x:y
hash = pass#word ; not a comment
percent = 50%%
quoted = " two words "
half = "open
several = one,
  two
	three
again = 1
again = 2
dashed-name = yes
empty =
[b]
x = 1
[a]
late = 1
`;
  const sections = parseIni(text);
  expect(Object.fromEntries(sections.get('a') ?? [])).toEqual({
    colon: 'x=y',
    equals: 'x:y',
    hash: 'pass#word ; not a comment',
    percent: '50%%',
    quoted: ' two words ',
    half: '"open',
    several: 'one,\ntwo\nthree',
    again: '2',
    dashed_name: 'yes',
    empty: '',
    late: '1',
  });
  expect([...sections.keys()]).toEqual(['a', 'b']);
});

test('references are replaced, also within each other, and dollars can be kept', () => {
  const values: Record<string, string> = {
    home: '/h',
    keys: '$home/keys',
    'other.home': '/o',
    loop: '$loop',
  };
  const read = (text: string) => interpolate(text, (name) => values[name]);
  expect(read('${keys}/id, $keys/id.pub, $other.home')).toBe('/h/keys/id, /h/keys/id.pub, /o');
  expect(read('$home.')).toBe('/h.');
  expect(read(String.raw`$$home \$home $nobody 5$`)).toBe('$home $home $nobody 5$');
  expect(read('$loop')).toBe('$loop');
});

test('references that multiply stay where they become too many', () => {
  const names = 'abcdefghijkl'.split('');
  const values = new Map(names.map((name, at) => [name, `$${names[at + 1] ?? 'z'}`.repeat(30)]));
  expect(interpolate('$a', (name) => values.get(name)).length).toBeLessThan(100_000);
  expect(interpolate('$l', () => '$l'.repeat(100))).toBe('$l'.repeat(100));
});
