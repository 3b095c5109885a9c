// The bare variants of `stateless`.
import { crc32 } from 'node:zlib'
import { bareAgent, bareLoop, type Counts, type Flush } from './bare-loop.js'
import { makeInput, type InputBatch } from './input.js'
import type { Outcome, Trial } from './measure.js'

export const loop = (events: number, trial: Trial): Promise<Outcome> => run(bareLoop, events, trial)
export const agent = (events: number, trial: Trial): Promise<Outcome> => run(bareAgent, events, trial)

/** Adds the outputs up in any order: the checksum of a message covers its key and its value. */
export class Checksum {
  sum = 0

  /** The message is `bytes[start, end)`: its key, then its value. */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.sum = (this.sum + crc32(bytes.subarray(start, end))) >>> 0
  }
}

type Bare = (input: readonly InputBatch[], flush?: Flush) => Counts | Promise<Counts>

async function run(bare: Bare, events: number, trial: Trial): Promise<Outcome> {
  const input = makeInput(events)
  if (!trial.checked) {
    trial.start()
    return bare(input)
  }
  const checksum = new Checksum()
  const counts = await bare(input, ({ buffer, count, keyStarts, valueEnds }) => {
    for (let i = 0; i < count; i++) checksum.add(buffer, keyStarts[i]!, valueEnds[i]!)
  })
  return { ...counts, checksum: checksum.sum }
}
