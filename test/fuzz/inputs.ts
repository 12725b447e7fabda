import * as fc from 'fast-check';

/** What means something to one of those who read it, and ordinary words. */
const pieces = Object.values({
  blanks: [' ', '\t', '\n', '\r', '\r\n', '\0', '\v', '\u00a0', '\u2028', '\ufeff'],
  shell:
    '\' " ` \\ \\\n $ ${HOME} $(id) `id` ! !! ~ * ? [ ] ( ) { } < > <<EOF | || & && ; # = : , % + @ ^',
  paths: '- -- -rf . .. / // /../ %2e%2e %2F %00 %U %s %n',
  exports: '(rw) (rw,no_root_squash) *(rw) \\040 \\012 rw ro fsid=0 sec=krb5 x-hawser.share=',
  samba: ['hosts allow', 'EXCEPT', 'ALL', 'LOCAL', '[global]', 'include = /etc/passwd'],
  queries: ["' OR '1' = '1", "''", ' AND ', 'NULL'],
  programs: '*x &x !!js __proto__ constructor toString',
  terminals: '\u001b[31m \u001b]0;t\u0007 \u009b31m \u007f \u0008 \u202e \u2066 \u200d',
  letters: '\ud800 \udc00 é e\u0301 😀 ß İ a B z9 0 1 10 255 127.0.0.1 ::',
}).flatMap((group) => (typeof group === 'string' ? group.split(' ') : group));

/** Text that nobody would send in good faith, and some that everybody does. */
export const hostileText = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((some) => some.join('')),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
  // Half of a surrogate pair: no text, but a string.
  {
    weight: 1,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 })
      .map((codes) => String.fromCharCode(...codes)),
  },
);

/** Such a text where a sound one belongs, or a sound one with something in it or around it. */
export const around = (sound: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    sound,
    hostileText,
    fc.tuple(sound, hostileText).map(([text, more]) => text + more),
    fc.tuple(hostileText, sound).map(([text, more]) => text + more),
    fc
      .tuple(sound, fc.nat(40), fc.constantFrom(...pieces))
      .map(([text, at, piece]) => text.slice(0, at) + piece + text.slice(at)),
  );

const ipv4 = fc.oneof(
  fc.ipV4(),
  fc.constantFrom('10.0.0.5', '0.0.0.0', '255.255.255.255', '127.0.0.1', '224.0.0.1'),
);
const ipv6 = fc.oneof(
  fc.ipV6(),
  fc.constantFrom(
    '::',
    '::1',
    '2001:DB8:0::1',
    '::ffff:10.0.0.1',
    'fe80::1%eth0',
    '64:ff9b::10.0.0.1',
  ),
);

/** Addresses and prefixes, right and nearly right. */
export const nearlyAddress = fc.oneof(
  ipv4,
  ipv6,
  fc.tuple(ipv4, fc.integer({ min: 0, max: 33 })).map(([address, bits]) => `${address}/${bits}`),
  fc.tuple(ipv6, fc.integer({ min: 0, max: 129 })).map(([address, bits]) => `${address}/${bits}`),
  networks(),
  fc
    .array(fc.constantFrom(...'0123456789abcdefx.:/%-'.split(''), '10.', '::', '/24'), {
      maxLength: 20,
    })
    .map((parts) => parts.join('')),
  around(ipv4),
);

/** Prefixes without a bit beyond, which rules may name. */
export function networks(): fc.Arbitrary<string> {
  const v4 = fc
    .tuple(fc.nat({ max: 0xffff_ffff }), fc.integer({ min: 1, max: 32 }))
    .map(([number, bits]) => {
      const masked = Math.floor(number / 2 ** (32 - bits)) * 2 ** (32 - bits);
      return `${[24, 16, 8, 0].map((shift) => Math.floor(masked / 2 ** shift) % 256).join('.')}/${bits}`;
    });
  const v6 = fc
    .tuple(
      fc.array(fc.nat({ max: 0xffff }), { minLength: 2, maxLength: 2 }),
      fc.constantFrom(32, 64, 96),
    )
    .map(([words, bits]) => `${words.map((word) => word.toString(16)).join(':')}::/${bits}`);
  return fc.oneof(v4, v6, fc.constantFrom('0.0.0.0/0', '::/0'));
}

/** What ids are made of, in bounds and just outside of them. */
export const nearlyId = around(
  fc.string({
    unit: fc.constantFrom(...'abcxyzABC0129._-'.split('')),
    minLength: 1,
    maxLength: 66,
  }),
);
