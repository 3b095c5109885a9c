import { createInterface } from 'node:readline'

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
  /** Whether people can be asked something. */
  readonly canAsk: boolean
  /** Asks a question; whatever is not yes is no. */
  confirm(question: string): Promise<boolean>
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
  get canAsk() {
    return process.stdin.isTTY && process.stderr.isTTY
  },
  confirm(question) {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    return new Promise(resolve => {
      // Ctrl-D and Ctrl-C close it without an answer.
      lines.once('close', () => resolve(false))
      lines.question(`${question} [y/N] `, answer => {
        resolve(/^y(es)?$/i.test(answer.trim()))
        lines.close()
      })
    })
  },
}
