import { nextTurn } from '../../lib/clock.js'
import { nextOffsetOf, sizeOf } from '../block/block-header.js'
import type { Segment } from './segment.js'
import { SegmentReader } from './segment-reader.js'
import type { Shelf } from './shelf.js'

/** All blocks of a segment, checked; gives way to others now and then. Throws `TransportError`. */
export async function* blocksOf(segment: Segment, shelf: Shelf): AsyncGenerator<Buffer, void> {
  const reader = new SegmentReader(segment, shelf.files)
  try {
    for (let place = { position: 0, offset: segment.base }; place.position < reader.bytes;) {
      const slice = await reader.blocks(place, sliceBytes)
      for (let at = 0; at < slice.length; at += sizeOf(slice, at)) {
        const block = slice.subarray(at, at + sizeOf(slice, at))
        const fault = reader.fault(block, place.position + at)
        if (fault !== null) throw fault
        yield block
        place = { position: place.position, offset: nextOffsetOf(block) }
      }
      place = { position: place.position + slice.length, offset: place.offset }
      await nextTurn(shelf.clock)
    }
  } finally {
    reader.close()
  }
}

const sliceBytes = 256 * 1024
