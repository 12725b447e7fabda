import { ofDifferences, type Finding } from './findings.js';
import type { Kind } from './kinds.js';
import { compareAccess } from './oracles/access.js';
import { lookIntoHistories } from './oracles/histories.js';
import { findUnrest } from './oracles/rest.js';
import { compareSizes } from './oracles/size.js';
import {
  describe,
  describeWords,
  differences,
  retriesIn,
  takePicture,
  type Picture,
} from './picture.js';
import { wordsOf, type GoodRun, type Place } from './place.js';
import type { Scenario, Stage } from './scenario.js';
import { lostData } from './share-data.js';

interface Run {
  place: Place;
  stage: Stage;
  scenario: Scenario;
  /** How the lane is when all is over. */
  picture: Picture;
  good: GoodRun;
  began: Date;
  /** Undefined when the operation succeeded. */
  failure?: Error;
  /** Undefined for a good run. */
  kind?: Kind;
}

/** Everything that is wrong after an operation, whether it succeeded or failed. */
export async function judge(run: Run): Promise<Finding[]> {
  const { place, stage, picture, began } = run;
  return [
    ...judgeEnd(run),
    ...(await judgeData(place, stage, picture)),
    ...compareAccess(picture),
    ...compareSizes(picture),
    ...findUnrest(picture),
    ...(await lookIntoHistories(place.bench, place.lane, began)),
  ];
}

function judgeEnd({ stage, scenario, picture, good, failure, kind }: Run): Finding[] {
  const words = wordsOf(stage);
  const actual = describe(picture, words);
  const asAfter = ofDifferences(differences(good.after, actual), good.after);
  if (!failure) {
    const said = differences(good.words, describeWords(picture, words));
    const saysOtherwise = said.map((line) => `Hawser says otherwise: ${line}`);
    return [...asAfter, ...saysOtherwise.map((text): Finding => ({ outcome: 'lost', text }))];
  }
  if (!kind?.mayFail) {
    return [{ outcome: 'lost', text: `the operation failed: ${failure.message}` }, ...asAfter];
  }
  const triedAgain = retriesIn(picture);
  // What cannot be undone yet is seen, and its deletion has to cope once somebody has mended what is wrong.
  if (kind.lasts && triedAgain.length > 0) return [];
  const asBefore = ofDifferences(differences(good.before, actual), good.before);
  const whole = [good.before, good.after, good.instanceOnly];
  if (scenario.inParts || whole.some((lines) => differences(lines, actual).length === 0)) return [];
  return [
    ...asBefore,
    ...triedAgain.map(({ reason }): Finding => {
      return { outcome: 'stuck', text: `tried again, and not undone: ${reason}` };
    }),
    { outcome: 'leaked', text: `after: ${failure.message}` },
  ];
}

async function judgeData({ bench }: Place, { data }: Stage, picture: Picture): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [shareId, checksum] of data) {
    const share = picture.shares.find(({ id }) => id === shareId);
    // Half deleted, half its data may be gone.
    if (!share || share.status === 'error_deleting') continue;
    const text = await lostData(bench.guests, picture, shareId, checksum);
    if (text !== undefined) findings.push({ outcome: 'lost', text });
  }
  return findings;
}

/** Places on instances that shares have which there are not any more. */
const takenPlaces = ({ shares: there, instances }: Picture): Finding[] =>
  instances.flatMap(({ id, shares }) =>
    shares
      .filter((shareId) => !there.some((share) => share.id === shareId))
      .map((shareId) => ({
        outcome: 'leaked' as const,
        text: `after clean-up, share ${shareId}, which is gone, has a place on ${id}`,
      })),
  );

/** Everything that is not as it was before the cell, now that its shares are deleted. */
export async function judgeCleanUp({ bench, lane, keeper }: Place): Promise<Finding[]> {
  const words: [string, string][] = [[lane.name, 'LANE']];
  const expected = describe(keeper.base, words);
  const picture = await takePicture(bench, lane);
  const actual = describe(picture, words);
  const different = ofDifferences(differences(expected, actual), expected);
  const findings = different.map(({ outcome, text }) => ({
    outcome,
    text: `after clean-up, ${text}`,
  }));
  return [...findings, ...takenPlaces(picture)];
}
