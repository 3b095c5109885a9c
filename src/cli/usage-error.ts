import { CommanderError } from 'commander'

/** Wrong usage: the call ends with exit code 2. */
export function usageError(message: string): CommanderError {
  return new CommanderError(2, 'faust.usage', message)
}

/** Something that went wrong behind a sentence of ours: exit code 1; the cause has the stack. */
export function failure(message: string, cause?: unknown): CommanderError {
  return Object.assign(new CommanderError(1, 'faust.failure', message), { cause })
}
