import { InvalidArgumentError } from 'commander'

/** Reads the value of an option that counts something. */
export function readCount(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}
