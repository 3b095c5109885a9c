import { TransportError } from '../../errors.js'

/** What one record batch may be decompressed to, in bytes: a hostile one must not take the process with it. */
export const mostExpandedBytes: number = 256 * 1024 * 1024

/** What a decompressor has made so far: literal bytes, and repetitions of what is already there. */
export class Expansion {
  readonly #algorithm: string
  #bytes: Buffer
  #used = 0

  constructor(algorithm: string, room: number) {
    this.#algorithm = algorithm
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(room, mostExpandedBytes))
  }

  get size(): number {
    return this.#used
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#used)
  }

  append(from: Buffer, start: number, end: number): void {
    if (end > from.length) throw this.damaged('it is cut off')
    const at = this.#grow(end - start)
    const bytes = this.#bytes
    if (end - start > worthCall) from.copy(bytes, at, start, end)
    else for (let index = 0; index < end - start; index++) bytes[at + index] = from[start + index]!
  }

  /** Appends `count` bytes again that stand `distance` back; they may reach into what is being appended. */
  repeat(distance: number, count: number): void {
    if (distance < 1 || distance > this.#used) throw this.damaged('it repeats what was not there')
    const at = this.#grow(count)
    const bytes = this.#bytes
    if (count > worthCall && distance >= count) bytes.copyWithin(at, at - distance, at - distance + count)
    else for (let index = at; index < at + count; index++) bytes[index] = bytes[index - distance]!
  }

  damaged(why: string): TransportError {
    return damaged(this.#algorithm, why)
  }

  /** Makes room; returns where it begins. */
  #grow(count: number): number {
    const at = this.#used
    this.#used = at + count
    if (this.#used <= this.#bytes.length) return at
    if (this.#used > mostExpandedBytes) throw this.damaged(`it has more than ${mostExpandedBytes} bytes`)
    const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(2 * this.#bytes.length, this.#used), mostExpandedBytes))
    this.#bytes.copy(larger, 0, 0, at)
    this.#bytes = larger
    return at
  }
}

/** Below this many bytes a loop beats a call into the runtime. */
const worthCall = 48

/** The error for bytes that cannot be decompressed, today or ever. */
export function damaged(algorithm: string, why: string, cause?: unknown): TransportError {
  const remedy = 'The records were stored damaged: go on behind them.'
  return new TransportError(`Cannot decompress ${algorithm}: ${why}. ${remedy}`, { cause, retriable: false })
}
