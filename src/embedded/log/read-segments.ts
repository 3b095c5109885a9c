import { baseOffsetOf, nextOffsetOf, sizeOf, transactionOf } from '../block/block-header.js'
import type { OpenFiles } from './open-files.js'
import type { Answer, Query } from './query.js'
import type { Segment } from './segment.js'
import { type Place, SegmentReader } from './segment-reader.js'
import type { SegmentRow } from './segment-row.js'

/** Reads a log from its files. Throws `TransportError` when the first block is damaged. */
export async function readSegments(row: SegmentRow, files: OpenFiles, query: Query): Promise<Answer> {
  let position = query.from
  while (position < query.limit) {
    const answer = await readSegment(row.find(position), files, { ...query, from: position })
    if (answer.blocks.length > 0) return answer
    position = answer.position
  }
  return { blocks: [], position }
}

async function readSegment(segment: Segment, files: OpenFiles, query: Query): Promise<Answer> {
  // What follows its last block belongs to no message.
  const end = Math.min(query.limit, segment.end)
  const reader = new SegmentReader(segment, files)
  try {
    const gathering = new Gathering(reader, query)
    let position = await reader.locate(query.from)
    while (position < reader.bytes) {
      position = await gathering.take({ position, offset: gathering.position })
      if (!gathering.isDone && (gathering.blocks.length === 0 || position === reader.bytes)) continue
      segment.index?.stop(gathering.position, position)
      return { blocks: gathering.blocks, position: gathering.position }
    }
    return { blocks: gathering.blocks, position: Math.max(gathering.position, end) }
  } finally {
    reader.close()
  }
}

/** The blocks that a reader gets, as they are found. */
class Gathering {
  readonly blocks: Buffer[] = []
  position: number
  /** There is more, but it is not for this answer. */
  isDone = false
  #bytes = 0
  readonly #reader: SegmentReader
  readonly #query: Query

  constructor(reader: SegmentReader, query: Query) {
    this.#reader = reader
    this.#query = query
    this.position = query.from
  }

  /** Takes what one slice of the file has; returns where it went on to. */
  async take(place: Place): Promise<number> {
    const most = Math.min(Math.max(this.#query.maxBytes, leastSlice), mostSlice)
    const slice = await this.#reader.blocks(place, most)
    let at = 0
    while (at < slice.length) {
      const block = slice.subarray(at, at + sizeOf(slice, at))
      if (!this.#accept(block, place.position + at)) break
      at += block.length
    }
    return place.position + at
  }

  /** Whether the reader has got past this block. */
  #accept(block: Buffer, position: number): boolean {
    const [base, next] = [baseOffsetOf(block), nextOffsetOf(block)]
    const { limit, maxBytes, isHidden } = this.#query
    if (next <= this.position) return true
    if (base >= limit) {
      this.position = Math.max(this.position, limit)
      return this.#finish()
    }
    if (!isHidden(transactionOf(block), base)) {
      if (this.blocks.length > 0 && this.#bytes + block.length > maxBytes) return this.#finish()
      const fault = this.#reader.fault(block, position)
      if (fault !== null && this.blocks.length === 0) throw fault
      if (fault !== null) return this.#finish()
      this.blocks.push(block)
      this.#bytes += block.length
    }
    this.position = next
    return true
  }

  #finish(): false {
    this.isDone = true
    return false
  }
}

const leastSlice = 64 * 1024
const mostSlice = 4 * 1024 * 1024
