/** At most so many words name a program and what it is to do. */
const maxWords = 3;

/** The programs of a shell's command with the words that say what each does: `net conf addshare`, `cat | tee`. */
export function programsOf(command: string): string {
  const parts = command.split(/\s*(&&|\|\|?|;)\s+/);
  return parts.map((part, index) => (index % 2 === 1 ? part : programOf(part))).join(' ');
}

function programOf(part: string): string {
  const words = part.trim().split(/\s+/);
  const named = words[0] === 'sudo' ? words.slice(1) : words;
  const end = named.findIndex((word, index) => index >= maxWords || (index > 0 && !isVerb(word)));
  return named.slice(0, end === -1 ? maxWords : end).join(' ');
}

/** An argument such as a path, a size or a name of something with an id is none. */
const isVerb = (word: string): boolean => /^-{0,2}[a-z-]+$/i.test(word);
