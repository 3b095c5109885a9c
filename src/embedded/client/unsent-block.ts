import type { Outgoing, TopicPartition } from '../../transport/transport.js'
import type { OpenBlock } from '../block/open-block.js'
import { OpenBatch } from '../open-batch.js'

/** An open batch whose messages are written as a block. */
export class UnsentBlock extends OpenBatch {
  readonly block: OpenBlock
  /** Milliseconds of the clock's `elapsed`. */
  readonly openedMs: number

  constructor(at: TopicPartition, block: OpenBlock, openedMs: number) {
    super(at)
    this.block = block
    this.openedMs = openedMs
  }

  hasRoomFor(bytes: number): boolean {
    return this.block.hasRoomFor(bytes)
  }

  add(message: Outgoing): number {
    const { block, size } = this
    block.add(message)
    this.count = block.count
    this.size = block.dataBytes + block.headerBytes
    return this.size - size
  }
}
