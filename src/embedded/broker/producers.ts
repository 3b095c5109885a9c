import { FencedError } from '../../errors.js'
import type { Random } from '../../lib/random.js'
import type { WriterId } from '../wire/protocol.js'
import { keyOf } from './keys.js'
import type { Metadata } from './metadata.js'
import { type PlainRecord, PlainProducer, type Producer } from './producer.js'
import { type FindPartition, type Surroundings, TransactionalId, type TransactionalRecord } from './transactional-id.js'

/** The broker's register of producers: what they were told last, and their transactions. */
export class Producers {
  readonly #random: Random
  readonly #surroundings: Surroundings
  readonly #plain = new Map<number, PlainProducer>()
  readonly #byTransactionalId = new Map<string, TransactionalId>()
  readonly #transactional = new Map<number, TransactionalId>()

  constructor(random: Random, surroundings: Surroundings) {
    this.#random = random
    this.#surroundings = surroundings
  }

  async load(metadata: Metadata, find: FindPartition): Promise<void> {
    for await (const [[id], record] of metadata.all<PlainRecord>('producer')) {
      this.#plain.set(Number(id), this.#newPlain(Number(id), record))
    }
    for await (const [[id], record] of metadata.all<TransactionalRecord>('writer')) {
      this.#add(new TransactionalId(id as string, record.producerId, this.#surroundings)).restore(record, find)
    }
  }

  /** A producer without transactions. There is nothing to keep of it before it writes. */
  openPlain(): WriterId {
    return { producerId: this.#newId(), epoch: 0 }
  }

  /** Fences who had the transactional id before, and aborts what is open. */
  openTransactional(id: string, timeoutMs: number): WriterId {
    const known = this.#byTransactionalId.get(id) ?? this.#add(new TransactionalId(id, this.#newId(), this.#surroundings))
    return known.renew(timeoutMs)
  }

  /** Who writes, be it plain or transactional. Throws `FencedError`. */
  find(writer: WriterId): Producer {
    if (this.#transactional.has(writer.producerId) || writer.epoch > 0) return this.transactional(writer)
    const known = this.#plain.get(writer.producerId)
    if (known !== undefined) return known
    const plain = this.#newPlain(writer.producerId, null)
    this.#plain.set(writer.producerId, plain)
    return plain
  }

  /** Throws `FencedError` unless it is the newest producer of its transactional id. */
  transactional(writer: WriterId): TransactionalId {
    const owner = this.#transactional.get(writer.producerId)
    if (owner === undefined) {
      throw new FencedError(
        `Cannot write as producer ${writer.producerId}: the broker has no transactions of it. Open a new producer.`,
      )
    }
    owner.check(writer)
    return owner
  }

  close(writer: WriterId): void {
    this.#transactional.get(writer.producerId)?.abandon(writer)
    if (this.#plain.has(writer.producerId)) this.#forgetPlain(writer.producerId)
  }

  /** Forgets those that nobody has used for long. */
  expire(nowMs: number): void {
    for (const [id, { usedMs }] of this.#plain) if (usedMs < nowMs - plainMs) this.#forgetPlain(id)
    for (const { id, producerId, usedMs, isIdle } of this.#transactional.values()) {
      if (!isIdle || usedMs >= nowMs - transactionalMs) continue
      this.#byTransactionalId.delete(id)
      this.#transactional.delete(producerId)
      this.#surroundings.committer.delete(keyOf('writer', id))
    }
  }

  /** From now on nothing happens by itself. */
  stop(): void {
    for (const owner of this.#transactional.values()) owner.stop()
  }

  #add(owner: TransactionalId): TransactionalId {
    this.#byTransactionalId.set(owner.id, owner)
    this.#transactional.set(owner.producerId, owner)
    return owner
  }

  #newPlain(id: number, record: PlainRecord | null): PlainProducer {
    const { committer, clock } = this.#surroundings
    const plain: PlainProducer = new PlainProducer(record, told => {
      plain.usedMs = clock.now()
      const next: PlainRecord = { told, usedMs: plain.usedMs }
      committer.set(keyOf('producer', id), next)
    })
    return plain
  }

  #forgetPlain(id: number): void {
    this.#plain.delete(id)
    this.#surroundings.committer.delete(keyOf('producer', id))
  }

  /** By chance: a client may still write under an id of a directory that has been emptied meanwhile. */
  #newId(): number {
    for (;;) {
      const id = 1 + Math.floor(this.#random.next() * 2 ** 48)
      if (!this.#plain.has(id) && !this.#transactional.has(id)) return id
    }
  }
}

/** A request comes again within seconds or never. */
const plainMs = 60 * 60 * 1000
/** As Kafka has it. */
const transactionalMs = 7 * 24 * 60 * 60 * 1000
