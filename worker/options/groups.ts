import { interfaceOptions } from '../interface-options.js';
import { commonServerOptions } from './common-server-options.js';
import { connectionOptions } from './connection-options.js';
import { layoutOptions, loginOptions } from './instance-options.js';
import { networkOptions } from './network-options.js';
import { factsOf, type OptionFacts, type OptionGroup } from './option.js';
import { serverOptions } from './server-options.js';
import { shareOptions } from './share-options.js';
import { statisticsOptions } from './statistics-options.js';
import { optionsWithoutEffect } from './without-effect.js';

/** The schema of every option of a backend. A new group is added here and to `optionGroups`. */
export const backendShape = {
  ...shareOptions,
  ...serverOptions,
  ...loginOptions,
  ...layoutOptions,
  ...commonServerOptions,
  ...networkOptions,
  ...interfaceOptions,
  ...connectionOptions,
  ...statisticsOptions,
  ...optionsWithoutEffect,
};

/** The same options as people read them. */
export const optionGroups: { title: string; options: OptionGroup }[] = [
  { title: 'Shares and their volumes', options: shareOptions },
  { title: 'Service instances', options: serverOptions },
  { title: 'Logging in to service instances', options: loginOptions },
  { title: 'Networks and disks of service instances', options: layoutOptions },
  { title: 'One server for all shares', options: commonServerOptions },
  { title: 'The service network', options: networkOptions },
  { title: "This host's way into the service network", options: interfaceOptions },
  { title: 'Connections', options: connectionOptions },
  { title: 'Statistics', options: statisticsOptions },
  { title: 'Accepted, without effect', options: optionsWithoutEffect },
];

export interface KnownOption extends OptionFacts {
  name: string;
  schema: OptionGroup[string];
}

/** Every option, in the order of the groups. */
export const knownOptions: KnownOption[] = optionGroups.flatMap(({ options }) =>
  Object.entries(options).map(([name, schema]) => ({ name, schema, ...factsOf(schema) })),
);

const byName = new Map(knownOptions.map((known) => [known.name, known]));

export const findOption = (name: string): KnownOption | undefined => byName.get(name);

/** What an option is when nobody sets it; undefined when it has to be set, or stays away. */
export const defaultOf = ({ schema }: KnownOption): unknown => schema.safeParse(undefined).data;

/** Whether a backend is incomplete without it. */
export const isRequired = ({ schema }: KnownOption): boolean =>
  !schema.safeParse(undefined).success;
