import type { ProducerOptions, TopicPartition } from '../../transport/transport.js'
import { OpenBlock } from '../block/open-block.js'
import type { Lifetime } from '../lifetime.js'
import type { Ending, ProducerCourier } from '../producer.js'
import { blocksFrame, readJson } from '../wire/frame-codec.js'
import { frameKind, type ProduceAnswer, type ProduceRequest, type WriterId } from '../wire/protocol.js'
import { reviveError } from '../wire/wire-error.js'
import { goodbyeMs } from './goodbye.js'
import type { Line } from './line.js'
import { UnsentBlock } from './unsent-block.js'

/** Carries a producer's blocks to the broker, numbered, so that what is sent again is stored once. */
export class BlockCourier implements ProducerCourier<UnsentBlock> {
  readonly maxBytes: number = 4 * 1024 * 1024
  readonly isTransactional: boolean
  readonly #life: Lifetime
  readonly #line: Line
  readonly #writer: WriterId
  readonly #spare: OpenBlock[] = []
  readonly #detach: () => void
  #number = 0
  #transaction = 0
  /** The line's number for what was sent last. */
  #question = 0

  /** Opens a producer at the broker. The line is its own, and ends with it. */
  static async open(life: Lifetime, line: Line, options: ProducerOptions): Promise<BlockCourier> {
    const { transactionalId = null, transactionTimeoutMs = 60_000 } = options
    const detach = life.attach(() => line.close())
    try {
      const writer = await line.ask('openProducer', { transactionalId, transactionTimeoutMs }, { what: 'open a producer' })
      return new BlockCourier(life, line, { writer, isTransactional: transactionalId !== null })
    } catch (error) {
      line.close()
      throw error
    } finally {
      detach()
    }
  }

  private constructor(life: Lifetime, line: Line, as: { writer: WriterId; isTransactional: boolean }) {
    this.#life = life
    this.#line = line
    this.#writer = as.writer
    this.isTransactional = as.isTransactional
    // Not before the producer has said goodbye.
    this.#detach = life.attach(
      () => line.close(),
      () => Promise.resolve(),
    )
  }

  open(at: TopicPartition): UnsentBlock {
    return new UnsentBlock(at, this.#spare.pop() ?? new OpenBlock(), this.#life.clock.elapsed())
  }

  send(batches: readonly UnsentBlock[], stored: (errors: readonly (Error | null)[]) => void): void {
    const blocks = batches.map(batch => this.#close(batch))
    const head: ProduceRequest = {
      writer: this.#writer,
      number: ++this.#number,
      transaction: this.#transaction,
      batches: batches.map(({ topic, partition }, index) => ({ topic, partition, bytes: blocks[index]?.length ?? 0 })),
    }
    const blockBytes = blocks.reduce((sum, { length }) => sum + length, 0)
    this.#question = this.#line.send({
      what: `store ${nameOf(batches)}`,
      patienceMs: this.#patienceMs(batches),
      isAwaited: true,
      encode: id => [blocksFrame(frameKind.produce, id, { head, blockBytes }), ...blocks],
      answer: ({ payload }) => stored(settledBy(readJson<ProduceAnswer>(payload), batches)),
      fail: error => stored(batches.map(() => error)),
    })
  }

  begin(): void {
    this.#transaction++
  }

  end(ending: Ending): Promise<void> {
    return this.#end(ending)
  }

  async close(isTransactionOpen: boolean): Promise<void> {
    const asking = { what: 'close a producer', patienceMs: goodbyeMs }
    const ending = { what: 'abort a transaction', isCommit: false, offsets: [], membership: null }
    // It has failed already, and a broker that has heard the goodbye would store it a second time if it came again.
    this.#line.withdraw(this.#question)
    await Promise.allSettled([
      isTransactionOpen ? this.#end(ending, goodbyeMs) : null,
      this.#line.ask('closeProducer', { writer: this.#writer }, asking),
    ])
    this.#detach()
    this.#line.close()
  }

  async #end({ what, isCommit, offsets, membership }: Ending, patienceMs?: number): Promise<void> {
    const member = membership && {
      groupId: membership.groupId,
      memberId: membership.memberId,
      instanceId: membership.instanceId,
      generation: membership.generation,
    }
    const asks = { writer: this.#writer, transaction: this.#transaction, isCommit, offsets, membership: member }
    await this.#line.ask('endTransaction', asks, { what, ...(patienceMs !== undefined && { patienceMs }) })
  }

  #close({ block }: UnsentBlock): Buffer {
    const bytes = block.close()
    if (this.#spare.length < maxSpare) this.#spare.push(block)
    return bytes
  }

  /** What has waited for longer than that is not sent any more; the first batch has waited the longest. */
  #patienceMs([first]: readonly UnsentBlock[]): number {
    const waitedMs = first === undefined ? 0 : this.#life.clock.elapsed() - first.openedMs
    return Math.max(0, deliveryMs - waitedMs)
  }
}

const maxSpare = 64
const deliveryMs = 120_000

function settledBy(answer: ProduceAnswer, batches: readonly UnsentBlock[]): (Error | null)[] {
  return batches.map((batch, index) => {
    const fate = answer[index] ?? -1
    if (typeof fate !== 'number') return reviveError(fate)
    batch.baseOffset = fate
    return null
  })
}

function nameOf(batches: readonly UnsentBlock[]): string {
  const [first] = batches
  const more = batches.length > 1 ? ` and ${batches.length - 1} more batches` : ''
  return `messages of "${first?.topic}"[${first?.partition}]${more}`
}
