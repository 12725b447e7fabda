/** Configuration files: what cannot be used is refused in words, and nothing else happens. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { checkConfig, ConfigError, parseConfig } from '../../worker/config.js';
import { effectiveOptions } from '../../worker/effective-options.js';
import { importManilaConf, NothingToImport } from '../../worker/manila/import.js';
import { IniError } from '../../worker/manila/ini.js';
import { knownOptions } from '../../worker/options/groups.js';
import { around, hostileText } from './inputs.js';
import { holds, patience } from './properties.js';

const optionName = fc.oneof(
  fc.constantFrom(...knownOptions.map(({ name }) => name)),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'share_mount_paht', 'name'),
  hostileText,
);

const optionValue = fc.oneof(
  hostileText,
  fc.anything({ maxDepth: 2 }),
  fc.constantFrom(
    '/shares',
    '10.254.0.0/16',
    '10.254.0.0/33',
    '::/0',
    28,
    -1,
    1e300,
    true,
    null,
    'CIFS=user',
  ),
);

const options = fc
  .array(fc.tuple(optionName, optionValue), { maxLength: 6 })
  .map((pairs) => Object.fromEntries(pairs));

function checked(text: string): void {
  try {
    const config = parseConfig('hawser.yaml', text);
    const { problems } = checkConfig(config);
    for (const problem of problems) expect(problem).toMatch(/: \S/);
    for (const name of Object.keys(config.backends)) effectiveOptions(config, name);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
  }
}

describe('hawser.yaml', { timeout: patience }, () => {
  test('of any text', async () => {
    const lines = [
      'backends:',
      '  a:',
      '  a: &x',
      '    *x',
      '    <<: *x',
      '    ? b',
      '    - c',
      'defaults: *y',
      '---',
      '...',
      '%YAML 9',
      '!!int x',
      '{',
      '[',
      '"',
      '|',
      '>',
    ];
    const yaml = fc
      .array(fc.oneof(fc.constantFrom(...lines), hostileText), { maxLength: 8 })
      .map((some) => some.join('\n'));
    await holds('hawser.yaml of any text', yaml, checked);
  });

  test('with any options', async () => {
    const file = fc.record({
      defaults: options,
      backends: fc.dictionary(fc.oneof(fc.constant('generic'), hostileText), options, {
        maxKeys: 3,
      }),
    });
    await holds('hawser.yaml with any options', file, (content) => {
      let text: string;
      try {
        text = stringify(content);
      } catch {
        // What the library cannot write, nobody has in a file.
        return;
      }
      checked(text);
    });
  });
});

describe('manila.conf', { timeout: patience }, () => {
  test('of any text', async () => {
    const line = fc.oneof(
      fc.constantFrom(
        '[DEFAULT]',
        'enabled_share_backends = a,b',
        '[a]',
        '[b]',
        'share_driver = manila.share.drivers.generic.GenericShareDriver',
      ),
      fc
        .tuple(
          optionName,
          fc.constantFrom('=', ' = ', ':', ''),
          around(fc.constantFrom('$host', '${a}$a', '$a.b', '1', 'True')),
        )
        .map((parts) => parts.join('')),
      hostileText,
    );
    const conf = fc
      .array(line, { maxLength: 12 })
      .map((some) => `[DEFAULT]\nenabled_share_backends = a\n[a]\n${some.join('\n')}`);
    await holds('manila.conf of any text', conf, (text) => {
      let yaml: string;
      try {
        ({ yaml } = importManilaConf(text));
      } catch (error) {
        expect(
          [IniError, NothingToImport].some((type) => error instanceof type),
          String(error),
        ).toBe(true);
        return;
      }
      // What it writes can be read again.
      const { backends } = parseConfig('hawser.yaml', yaml);
      expect(Object.keys(backends)).not.toEqual([]);
      checkConfig({ defaults: {}, backends });
    });
  });
});
