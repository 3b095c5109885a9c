import type { TopicPartition } from '../../transport/transport.js'
import type { OpenFiles } from './open-files.js'
import { Segment } from './segment.js'

/** The segments of a log, oldest first; the last one is the one that is being written. */
export class SegmentRow {
  readonly #at: TopicPartition
  readonly #folder: string
  #segments: readonly Segment[]

  constructor(at: TopicPartition, folder: string, segments: readonly Segment[]) {
    this.#at = at
    this.#folder = folder
    this.#segments = segments
  }

  get all(): readonly Segment[] {
    return this.#segments
  }

  get active(): Segment {
    return this.#segments[this.#segments.length - 1] as Segment
  }

  /** The segment to look for an offset in. */
  find(offset: number): Segment {
    let low = 1
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#segments[middle] as Segment).base <= offset) low = middle + 1
      else high = middle
    }
    return this.#segments[low - 1] as Segment
  }

  has(segment: Segment): boolean {
    return this.#segments.includes(segment)
  }

  /** Closes the active segment, which has blocks, and begins another one at its end. Throws what the file system throws. */
  roll(files: OpenFiles): Segment {
    const closed = this.active
    closed.finish(files)
    this.#segments = [...this.#segments, new Segment(this.#at, this.#folder, { base: closed.end, isNew: true })]
    return closed
  }

  /** Puts another segment in the place of one, or none. */
  replace(old: Segment, by: Segment | null): void {
    this.#segments = this.#segments.flatMap(segment => (segment !== old ? segment : (by ?? [])))
  }

  /** Takes out the segments that are closed and end at or below `offset`; returns them. */
  dropBelow(offset: number): readonly Segment[] {
    const kept = this.#segments.findIndex(({ end }) => end > offset)
    const count = kept === -1 ? this.#segments.length - 1 : Math.min(kept, this.#segments.length - 1)
    const dropped = this.#segments.slice(0, count)
    if (count > 0) this.#segments = this.#segments.slice(count)
    return dropped
  }
}
