/** Something that a person can put right: the message says what is missing and the command that fixes it. */
export class SetupError extends Error {}
