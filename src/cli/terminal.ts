/** Where a call of the command line writes. Standard output belongs to what a command prints. */
export interface Terminal {
  /** Writes to standard output. */
  print(text: string): void
  /** Writes to standard error. */
  note(text: string): void
  /** Whether people read standard output. */
  readonly isInteractive: boolean
  /** Columns of an interactive terminal. */
  readonly width: number
}

export const processTerminal: Terminal = {
  print: text => void process.stdout.write(`${text}\n`),
  note: text => void process.stderr.write(`${text}\n`),
  get isInteractive() {
    return process.stdout.isTTY
  },
  get width() {
    return process.stdout.columns
  },
}
