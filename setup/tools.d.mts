/** The checkout's directory. */
export const project: string;

/** Where set-up puts the programs it found or installed. */
export const programs: string;

/** The Temporal CLI's file. Throws, naming the command to run, when set-up has not been done. */
export function temporalPath(): string;

/** The real `openstack` command line's file. Throws when set-up has not been done for tests. */
export function openstackPath(): string;

/** The Python that has Manila. Throws when set-up has not been done for the bench. */
export function manilaPython(): string;

/** The service image's qcow2 file. Throws when it has not been built. */
export function serviceImagePath(): string;

/** Where the service image of the present recipe is or will be. */
export function serviceImageOutput(): string;
