/** One argument for a POSIX shell, quoted so that it is taken as it is. */
export function quote(argument: string): string {
  return /^[\w./:=@%+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** A command line of which every word is taken as it is. */
export function commandLine(words: string[]): string {
  return words.map(quote).join(" ");
}
