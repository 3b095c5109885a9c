import { inspect } from 'node:util'

/** Whatever was thrown, in words: users throw all kinds of things. */
export function thrown(error: unknown): { name: string; message: string } {
  if (error instanceof Error) return { name: error.name, message: error.message }
  return { name: 'Error', message: typeof error === 'string' ? error : inspect(error, { depth: 2, breakLength: Infinity }) }
}
